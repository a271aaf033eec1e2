//! Changing a subscription: at the end of its cycle.

use crate::{App, Error};
use domain::{
    billing::{Subscription, SubscriptionStatus},
    id::AccountId,
    ledger::Command,
    plan::Plan,
    port::PaymentMethod,
};

impl App {
    /// Ends the account's subscription with its cycle.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::PaymentService`] when the service that renews it cannot be told.
    pub async fn cancel_subscription(&self, account_id: AccountId) -> Result<Subscription, Error> {
        let mut subscription = self.require_live(account_id).await?;
        if !subscription.cancel_at_end {
            self.tell_service(&subscription, false).await?;
            subscription.cancel_at_end = true;
            subscription.next_plan = None;
            subscription = self.save_change(subscription).await?;
        }
        self.keep_plan(&subscription).await?;
        Ok(subscription)
    }

    /// Takes that back, and a change of plan that was to come.
    ///
    /// # Errors
    /// As [`App::cancel_subscription`].
    pub async fn resume_subscription(&self, account_id: AccountId) -> Result<Subscription, Error> {
        let mut subscription = self.require_live(account_id).await?;
        let next_plan = self.next_plan(&subscription, &subscription.plan).await?;
        if subscription.cancel_at_end || subscription.next_plan != next_plan {
            self.tell_service(&subscription, true).await?;
            subscription.cancel_at_end = false;
            subscription.next_plan = next_plan;
            subscription = self.save_change(subscription).await?;
        }
        self.keep_plan(&subscription).await?;
        Ok(subscription)
    }

    /// The account's subscription, if it has one that has not ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn live_subscription(&self, account_id: AccountId) -> Result<Option<Subscription>, Error> {
        Ok(self.storage().live_subscription(account_id).await?)
    }

    async fn require_live(&self, account_id: AccountId) -> Result<Subscription, Error> {
        self.live_subscription(account_id).await?.ok_or(Error::NotFound("subscription"))
    }

    /// Another plan, or the same one after all, from the next cycle on. What Telegram renews ends then, for it renews at the
    /// old price: the new plan can be ordered when that has happened, and nobody is promised that it comes by itself.
    pub(super) async fn change_at_end(
        &self,
        mut subscription: Subscription,
        plan: &Plan,
    ) -> Result<Subscription, Error> {
        let is_same = subscription.plan == plan.slug;
        let renews_itself = subscription.method == PaymentMethod::TelegramStars;
        self.tell_service(&subscription, is_same).await?;
        subscription.cancel_at_end = renews_itself && !is_same;
        subscription.next_plan =
            if renews_itself { None } else { self.next_plan(&subscription, &plan.slug).await? };
        let subscription = self.save_change(subscription).await?;
        self.keep_plan(&subscription).await?;
        Ok(subscription)
    }

    /// What has to be noted so that the plan is `wanted` as soon as that can be. A cycle that has been charged already, at
    /// another plan's price, is had first.
    async fn next_plan(&self, subscription: &Subscription, wanted: &str) -> Result<Option<String>, Error> {
        let charged = match subscription.renewal_payment_id {
            Some(id) => self.storage().payment(subscription.account_id, id).await?,
            None => None,
        };
        let comes_anyway =
            subscription.plan == wanted && charged.is_none_or(|renewal| renewal.item == wanted);
        Ok((!comes_anyway).then(|| wanted.to_owned()))
    }

    /// Tells a service that renews by itself whether to go on.
    async fn tell_service(&self, subscription: &Subscription, renews: bool) -> Result<(), Error> {
        let paid = self.storage().payment(subscription.account_id, subscription.payment_id).await?;
        let Some(paid) = paid else { return Ok(()) };
        self.set_renewal(&paid, renews).await.map_err(|error| {
            tracing::warn!(subscription_id = subscription.id.0, %error, "renewals could not be set");
            Error::PaymentService(subscription.method)
        })
    }

    async fn save_change(&self, mut subscription: Subscription) -> Result<Subscription, Error> {
        if subscription.renewal_payment_id.is_none() {
            subscription.due_at = self.next_step_at(&subscription);
        }
        if subscription.status == SubscriptionStatus::Ended {
            return Err(Error::NotFound("subscription"));
        }
        self.save_subscription(subscription).await
    }

    /// Has the ledger keep the plan for as long as it now may be kept: also when nothing has changed, for the change may have
    /// been written by somebody who got no further.
    async fn keep_plan(&self, subscription: &Subscription) -> Result<(), Error> {
        let keep = Command::KeepPlan {
            account_id: subscription.account_id,
            cycle_id: subscription.cycle_id,
            plan_until: subscription.plan_until(self.rules()),
        };
        Ok(self.storage().ledger().run(keep).await?)
    }
}
