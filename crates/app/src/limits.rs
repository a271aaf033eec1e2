//! How much a plan lets an account begin.

use crate::{App, Caller, Error};
use domain::{
    id::AccountId,
    ledger::{RateLimits, RateState},
    plan::FREE_PLAN,
};

impl App {
    /// What the caller's plan lets its account begin.
    pub(crate) fn rate_limits(&self, caller: &Caller) -> RateLimits {
        self.limits_of(&caller.plan)
    }

    fn limits_of(&self, plan: &str) -> RateLimits {
        let plan = self.catalog().plan(plan);
        plan.map_or_else(RateLimits::default, |plan| RateLimits {
            hourly: plan.rate_limit_hourly,
            daily: plan.rate_limit_daily,
        })
    }

    /// What an account may begin by the plan that it is on now, where that differs from what was `believed`: a caller's plan
    /// is a few seconds old, and whoever has just bought a higher one is not to be turned away by the old one's limits.
    pub(crate) async fn other_limits(
        &self,
        account_id: AccountId,
        believed: RateLimits,
    ) -> Result<Option<RateLimits>, Error> {
        let wallet = self.storage().ledger().wallet(account_id).await?;
        let limits = self.limits_of(wallet.plan(self.clock().now()).unwrap_or(FREE_PLAN));
        Ok(Some(limits).filter(|limits| *limits != believed))
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
