//! Comparing once a day.

use super::{Finding, Outcome, Reconciliation};
use crate::{App, Error};
use domain::time::{DAY_MS, Timestamp};

/// The name of this work among the daily ones.
const NAME: &str = "reconciliation";
/// Milliseconds before the last comparison from which on the next one compares: what one day missed, the next one sees.
const SPAN_MS: i64 = 2 * DAY_MS;
/// Milliseconds for which the work is left to whoever has claimed it, and after which books that could not be read are
/// tried again.
const LEASE_MS: i64 = 60 * 60 * 1_000;

impl App {
    /// Compares the last two days' books with ours, or all since the last comparison where that is longer ago, and puts right
    /// what can be: once a day of UTC, however many workers call it. `None` when it is not due, or another worker is at it.
    ///
    /// # Errors
    /// The database's; it is tried again in an hour.
    pub async fn reconcile_daily(&self) -> Result<Option<Reconciliation>, Error> {
        if self.inner.gateways.is_empty() {
            return Ok(None);
        }
        let now = self.clock().now();
        let Some(claim) = self.storage().claim_daily(NAME, now, now.plus_ms(LEASE_MS)).await? else {
            return Ok(None);
        };
        let from = claim.due_at.unwrap_or(now).min(now).plus_ms(-SPAN_MS);
        // When this fails, the claim's own end is when it is tried again, from the same day on.
        let done = self.reconcile(from, now, true).await?;
        done.findings.iter().for_each(tell);
        if done.is_read() {
            self.storage().end_daily(claim, next_day(now)).await?;
        }
        Ok(Some(done))
    }
}

/// The next midnight of UTC.
fn next_day(now: Timestamp) -> Timestamp {
    let day = now.unix_ms().div_euclid(DAY_MS).saturating_add(1);
    Timestamp::from_unix_ms(day.saturating_mul(DAY_MS))
}

fn tell(finding: &Finding) {
    let Finding { method, kind, account_id, payment_id, gateway_id, text, outcome, .. } = finding;
    let (method, kind) = (method.name(), kind.name());
    let (account_id, payment_id) = (account_id.map(|id| id.0), payment_id.map(|id| id.0));
    match outcome {
        Outcome::Done => {
            tracing::warn!(
                method,
                kind,
                account_id,
                payment_id,
                gateway_id,
                text,
                "books did not agree, and do now"
            );
        }
        Outcome::Open | Outcome::Failed(_) => {
            tracing::error!(
                method,
                kind,
                account_id,
                payment_id,
                gateway_id,
                text,
                ?outcome,
                "ALERT: books do not agree; see `neuralbox payments reconcile`"
            );
        }
    }
}
