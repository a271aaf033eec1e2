//! Taking in a payment that our books have lost, as after a restore from a backup. Its reference says whose it is and what it
//! was for; it is taken in only where it fits what is there.

use crate::{
    App, Error,
    billing::{CLOCK_SKEW_MS, LEASE_MS, reference::Reference},
};
use domain::{
    billing::{Payment, PaymentKind, PaymentStatus, Purchase, Subscription},
    id::{CycleId, PaymentId, SubscriptionId},
    port::{GatewayPayment, PaymentMethod},
    time::Timestamp,
};
use storage::{AccountRecord, BillingWrite, PaymentName};

/// A payment to be taken in, and what it goes with.
pub(super) struct Adoption {
    method: PaymentMethod,
    found: GatewayPayment,
    meant: Reference,
    account: AccountRecord,
    tokens: i64,
    credit_minor: i64,
    /// The subscription that ends when this one starts.
    replaces: Option<(SubscriptionId, CycleId)>,
    /// The subscription whose next cycle it is for.
    renews: Option<Subscription>,
}

impl App {
    /// How a payment that our books have lost would be taken in, or why it cannot be.
    pub(super) async fn plan_adoption(
        &self,
        method: PaymentMethod,
        found: &GatewayPayment,
        meant: Reference,
    ) -> Result<Result<Adoption, String>, Error> {
        let Some(account) = self.storage().account(meant.account_id).await? else {
            return Ok(Err(format!("there is no account {}", meant.account_id)));
        };
        let paid_at = found.paid_at.unwrap_or_else(|| self.clock().now());
        if paid_at.plus_ms(CLOCK_SKEW_MS) < account.created_at {
            // Ids come again after a restore.
            return Ok(Err(format!("account {} is younger than the payment", account.id)));
        }
        if found.refunded.amount_minor > 0 {
            return Ok(Err(format!("{} of it has gone back", found.refunded)));
        }
        let adoption = Adoption {
            method,
            found: found.clone(),
            account,
            tokens: 0,
            credit_minor: 0,
            replaces: None,
            renews: None,
            meant,
        };
        match adoption.meant.kind {
            PaymentKind::Package => Ok(self.fit_package(adoption)),
            PaymentKind::Subscription => self.fit_start(adoption).await,
            PaymentKind::Renewal => self.fit_renewal(adoption, paid_at).await,
        }
    }

    fn fit_package(&self, mut adoption: Adoption) -> Result<Adoption, String> {
        let slug = &adoption.meant.item;
        let package = self.catalog().packages().iter().find(|package| package.slug == *slug);
        let package = package.ok_or_else(|| format!("there is no package {slug}"))?;
        adoption.tokens = package.tokens;
        self.check_price(&adoption, package.price)?;
        Ok(adoption)
    }

    /// The start of a subscription: a first one at its whole price, or a higher one in place of another.
    async fn fit_start(&self, mut adoption: Adoption) -> Result<Result<Adoption, String>, Error> {
        let slug = &adoption.meant.item;
        let Some(plan) = self.catalog().plan(slug).filter(|plan| plan.recurring) else {
            return Ok(Err(format!("there is no plan {slug}")));
        };
        adoption.tokens = plan.tokens;
        let account_id = adoption.account.id;
        let Some(live) = self.storage().live_subscription(account_id).await? else {
            let wallet = self.storage().ledger().wallet(account_id).await?;
            let fits = self
                .refuse_what_runs(&wallet, plan)
                .map_err(|_| "the account is on a plan already".to_owned());
            return Ok(fits.and_then(|()| self.check_price(&adoption, plan.price)).map(|()| adoption));
        };
        let whole = self.price(adoption.method, plan.price.saturating_mul(100));
        let credit_minor = whole.amount_minor.saturating_sub(adoption.found.amount.amount_minor);
        let is_by_us = [adoption.method, live.method] == [PaymentMethod::Yookassa; 2];
        let is_higher = self.rank(slug) > self.rank(&live.plan);
        if !is_by_us || !is_higher || credit_minor < 0 || whole.currency != adoption.found.amount.currency {
            return Ok(Err(format!("the account has subscription {} to {}", live.id, live.plan)));
        }
        adoption.credit_minor = credit_minor;
        adoption.replaces = Some((live.id, live.cycle_id));
        Ok(Ok(adoption))
    }

    /// The next cycle of the subscription that runs, charged at its time by its own method.
    async fn fit_renewal(
        &self,
        mut adoption: Adoption,
        paid_at: Timestamp,
    ) -> Result<Result<Adoption, String>, Error> {
        let meant = &adoption.meant;
        let Some(plan) = self.catalog().plan(&meant.item).filter(|plan| plan.recurring) else {
            return Ok(Err(format!("there is no plan {}", meant.item)));
        };
        adoption.tokens = plan.tokens;
        let Some(live) = self.storage().live_subscription(meant.account_id).await? else {
            return Ok(Err("the account has no subscription".to_owned()));
        };
        if let Some(other) = live.renewal_payment_id {
            return Ok(Err(format!("payment {other} is for the next cycle of subscription {}", live.id)));
        }
        let is_own_method = adoption
            .found
            .saved_method_id
            .as_ref()
            .is_none_or(|id| Some(id) == live.saved_method_id.as_ref());
        let charged_from =
            live.window.ends_at.plus_ms(self.rules().ahead_ms.saturating_neg()).plus_ms(-CLOCK_SKEW_MS);
        let is_next = live.method == adoption.method
            && meant.cycle_index == live.cycle_index + 1
            && is_own_method
            && paid_at >= charged_from;
        if !is_next {
            let (index, id) = (meant.cycle_index, live.id);
            return Ok(Err(format!("cycle {index} is not the next one of subscription {id}")));
        }
        adoption.renews = Some(live);
        Ok(self.check_price(&adoption, plan.price).map(|()| adoption))
    }

    fn check_price(&self, adoption: &Adoption, price: i64) -> Result<(), String> {
        let expected = self.price(adoption.method, price.saturating_mul(100));
        let is_it = adoption.found.amount == expected;
        is_it.then_some(()).ok_or_else(|| format!("it costs {expected} {}", expected.currency.code()))
    }

    /// Takes the payment in: as paid, under its names, and from there like any other.
    pub(super) async fn adopt(&self, adoption: Adoption) -> Result<(), Error> {
        let Adoption { method, found, meant, account, tokens, credit_minor, replaces, renews } = adoption;
        let (Some(reference), Some(gateway_id)) = (found.reference, found.gateway_id) else {
            return Err(Error::Internal("a payment without its names".to_owned()));
        };
        let now = self.clock().now();
        let paid_at = found.paid_at.unwrap_or(now).min(now);
        let id = PaymentId(self.storage().next_id().await?);
        let is_plan = meant.kind != PaymentKind::Package;
        let subscription_id = match &renews {
            Some(live) => live.id,
            None => SubscriptionId(self.storage().next_id().await?),
        };
        let cycle_id = CycleId(self.storage().next_id().await?);
        let purchase = Purchase { kind: meant.kind, item: meant.item, tokens };
        let mut payment = Payment {
            status: PaymentStatus::Paid,
            credit_minor,
            gateway_id: Some(gateway_id),
            receipt_email: account.email,
            saved_method_id: found.saved_method_id,
            payer_id: found.payer_id,
            paid_until: found.paid_until,
            subscription_id: is_plan.then_some(subscription_id),
            cycle_index: is_plan.then_some(meant.cycle_index),
            cycle_id: is_plan.then_some(cycle_id),
            replaces,
            paid_at: Some(paid_at),
            due_at: Some(now.plus_ms(LEASE_MS)),
            ..Payment::new(account.id, id, purchase, method, found.amount, reference, paid_at)
        };
        let renewed = renews.map(|live| Subscription { renewal_payment_id: Some(id), due_at: None, ..live });
        let gateway_name = payment.gateway_id.as_deref().map(|id| PaymentName::gateway(method, id));
        let names = [Some(PaymentName::reference(&payment.reference)), gateway_name];
        let write = BillingWrite {
            new_payments: vec![payment.clone()],
            subscriptions: renewed.into_iter().collect(),
            names: names.into_iter().flatten().map(|name| (name, account.id, id)).collect(),
            ..BillingWrite::default()
        };
        self.write(write).await?;
        tracing::warn!(
            payment_id = id.0,
            account_id = account.id.0,
            "a payment that our books had lost is taken in"
        );
        payment.version += 1;
        // It is in our books. What is left to do, a worker does when this fails.
        if let Err(error) = Box::pin(self.advance_payment(payment)).await {
            tracing::warn!(payment_id = id.0, %error, "not taken further");
        }
        Ok(())
    }
}
