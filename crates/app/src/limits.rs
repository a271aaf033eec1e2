//! How much a plan lets an account begin.

use crate::{App, Caller, Error};
use domain::ledger::{RateLimits, RateState};

impl App {
    /// What the caller's plan lets its account begin.
    pub(crate) fn rate_limits(&self, caller: &Caller) -> RateLimits {
        let plan = self.catalog().plan(&caller.plan);
        plan.map_or_else(RateLimits::default, |plan| RateLimits {
            hourly: plan.rate_limit_hourly,
            daily: plan.rate_limit_daily,
        })
    }

    /// Where the caller stands with the limits of the plan; `None` when it has none.
    ///
    /// # Errors
    /// The database's.
    pub async fn rate_state(&self, caller: &Caller) -> Result<Option<RateState>, Error> {
        let limits = self.rate_limits(caller);
        if limits == RateLimits::default() {
            return Ok(None);
        }
        let wallet = self.storage().ledger().wallet(caller.account_id).await?;
        Ok(wallet.rate.state(limits, self.clock().now()))
    }
}
