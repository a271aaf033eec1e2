//! How long what was asked for and answered is kept.

use crate::{App, Error, recover::Batch};
use domain::time::{DAY_MS, Timestamp};

/// Generations whose texts are forgotten at a time.
const BATCH_LEN: u32 = 500;

impl App {
    /// Until when an account on that plan finds what it generated at `at`; `None` for ever.
    pub(crate) fn kept_until(&self, plan: &str, at: Timestamp) -> Option<Timestamp> {
        let days = self.catalog().plan(plan).and_then(|plan| plan.retention_days)?;
        Some(at.plus_ms(DAY_MS.saturating_mul(days.into())))
    }

    /// Forgets texts whose time has come. What they cost stays on record.
    pub(crate) async fn forget_texts(&self) -> Result<Batch, Error> {
        let forgotten = self.storage().forget_texts(self.clock().now(), BATCH_LEN).await?;
        let done = usize::try_from(forgotten).unwrap_or(usize::MAX);
        Ok(Batch { done, is_full: forgotten >= BATCH_LEN.into() })
    }
}
