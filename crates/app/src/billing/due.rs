//! A worker's round over what is due.

use super::{LEASE_MS, round_books::RoundBooks};
use crate::{App, Error};
use domain::time::{DAY_MS, Timestamp};
use futures_util::{StreamExt, stream};

/// Rows of each kind that one round claims.
const ROUND_LEN: u32 = 16;

/// What one round of billing looked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Payments.
    pub payments: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Refunds.
    pub refunds: usize,
}

impl Billed {
    /// How many in all.
    pub const fn total(self) -> usize {
        self.payments + self.subscriptions + self.refunds
    }
}

impl App {
    /// Looks after the payments, subscriptions and refunds that are due. Any number of workers may; each row is one worker's
    /// for a while, and what is done to it is guarded by its version.
    ///
    /// # Errors
    /// The database's; what was done before stays done.
    pub async fn bill(&self) -> Result<Billed, Error> {
        let now = self.clock().now();
        let until = now.plus_ms(LEASE_MS);
        let at_once = self.inner.settings.billing.rows_at_once;
        let payments = self.storage().claim_payments(now, until, ROUND_LEN).await?;
        let paid = payments.len();
        let books = books_since(payments.iter().map(|payment| payment.created_at), now);
        stream::iter(payments)
            .for_each_concurrent(at_once, async |payment| {
                let id = payment.id.0;
                told("payment", id, Box::pin(self.mind_payment(payment, &books)).await.map(drop));
            })
            .await;
        let refunds = self.storage().claim_refunds(now, until, ROUND_LEN).await?;
        let refunded = refunds.len();
        let books = books_since(refunds.iter().map(|refund| refund.created_at), now);
        stream::iter(refunds)
            .for_each_concurrent(at_once, async |refund| {
                let id = refund.id.0;
                told("refund", id, self.advance_refund_with(refund, &books).await.map(drop));
            })
            .await;
        let subscriptions = self.storage().claim_subscriptions(now, until, ROUND_LEN).await?;
        let subscribed = subscriptions.len();
        // Telegram may charge a little before a period ends.
        let charged_from = subscriptions.iter().map(|due| due.window.ends_at.plus_ms(-DAY_MS));
        let books = books_since(charged_from, now);
        stream::iter(subscriptions)
            .for_each_concurrent(at_once, async |subscription| {
                let id = subscription.id.0;
                told("subscription", id, Box::pin(self.mind_subscription(subscription, &books)).await);
            })
            .await;
        Ok(Billed { payments: paid, subscriptions: subscribed, refunds: refunded })
    }
}

/// Books that go back to the earliest of those instants.
fn books_since(instants: impl Iterator<Item = Timestamp>, now: Timestamp) -> RoundBooks {
    RoundBooks::since(instants.min().unwrap_or(now))
}

/// What fails is left to its lease, and another round takes it up.
fn told(what: &'static str, id: i64, outcome: Result<(), Error>) {
    match outcome {
        Ok(()) => {}
        Err(Error::Moved) => tracing::info!(what, id, "somebody else has taken it further"),
        Err(error) => tracing::warn!(what, id, %error, "not taken further"),
    }
}
