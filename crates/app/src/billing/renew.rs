//! Renewals: what is done about a subscription when it is due.

use super::{LEASE_MS, decide::broken, reference::Reference, round_books::RoundBooks, subscription_data};
use crate::{App, Error};
use domain::{
    billing::{
        EndReason, Payment, PaymentKind, PaymentStatus, Purchase, Step, Subscription, SubscriptionStatus,
    },
    id::{CycleId, PaymentId},
    ledger::Command,
    port::{GatewayPayment, GatewayPaymentStatus, GatewayRecord, PaymentMethod},
};
use storage::{BillingWrite, PaymentName};

impl App {
    /// Does what is due about a subscription.
    pub(super) async fn mind_subscription(
        &self,
        mut subscription: Subscription,
        books: &RoundBooks,
    ) -> Result<(), Error> {
        if subscription.renewal_payment_id.is_some() {
            // The payment goes its own way, and says when the subscription is due again.
            subscription.due_at = None;
            self.save_subscription(subscription).await?;
            return Ok(());
        }
        match subscription.step(self.rules(), self.clock().now()) {
            Step::Wait(until) => {
                subscription.due_at = Some(until);
                self.save_subscription(subscription).await?;
            }
            Step::Charge { cycle_index } => self.charge_renewal(subscription, cycle_index).await?,
            Step::End(reason) if subscription.method == PaymentMethod::TelegramStars => {
                if !self.find_missed_payment(&subscription, books).await? {
                    self.end_subscription(subscription, reason).await?;
                }
            }
            Step::End(reason) => self.end_subscription(subscription, reason).await?,
        }
        Ok(())
    }

    /// Charges the next cycle, by the method that was saved.
    async fn charge_renewal(&self, mut subscription: Subscription, cycle_index: i64) -> Result<(), Error> {
        let slug = subscription.next_plan.clone().unwrap_or_else(|| subscription.plan.clone());
        let Some(plan) = self.catalog().plan(&slug) else {
            tracing::error!(
                subscription_id = subscription.id.0,
                slug,
                "ALERT: there is no such plan any more"
            );
            subscription.attention = Some(format!("plan {slug} is not in the catalog"));
            self.save_subscription(subscription).await?;
            return Ok(());
        };
        let (account_id, kind) = (subscription.account_id, PaymentKind::Renewal);
        let id = PaymentId(self.storage().next_id().await?);
        let now = self.clock().now();
        let reference = Reference { account_id, kind, item: slug, cycle_index }.mint()?;
        let purchase = Purchase { kind, item: plan.slug.clone(), tokens: plan.tokens };
        let (method, amount) =
            (subscription.method, self.price(subscription.method, plan.price.saturating_mul(100)));
        let mut payment = Payment {
            receipt_email: subscription.receipt_email.clone(),
            saved_method_id: subscription.saved_method_id.clone(),
            payer_id: subscription.payer_id.clone(),
            subscription_id: Some(subscription.id),
            cycle_index: Some(cycle_index),
            cycle_id: Some(CycleId(self.storage().next_id().await?)),
            due_at: Some(now.plus_ms(LEASE_MS)),
            ..Payment::new(account_id, id, purchase, method, amount, reference, now)
        };
        subscription.renewal_payment_id = Some(id);
        subscription.due_at = None;
        let write = BillingWrite {
            subscriptions: vec![subscription],
            new_payments: vec![payment.clone()],
            names: vec![(PaymentName::reference(&payment.reference), account_id, id)],
            ..BillingWrite::default()
        };
        self.write(write).await?;
        payment.version += 1;
        self.advance_payment(payment).await.map(drop)
    }

    /// Looks whether Telegram has charged another period and we have not heard of it.
    async fn find_missed_payment(
        &self,
        subscription: &Subscription,
        books: &RoundBooks,
    ) -> Result<bool, Error> {
        let paid = self.storage().payment(subscription.account_id, subscription.payment_id).await?;
        let reference = paid.map(|payment| payment.reference).unwrap_or_default();
        let records = self.records(books, subscription.method).await;
        let records = records.map_err(|_| Error::PaymentService(subscription.method))?;
        let mut found_any = false;
        for record in records {
            let GatewayRecord::Payment(found) = record else { continue };
            let is_ours = found.reference.as_deref() == Some(&reference);
            if is_ours && found.status == GatewayPaymentStatus::Succeeded && self.is_new(found).await? {
                self.take_paid(found.clone()).await?;
                found_any = true;
            }
        }
        Ok(found_any)
    }

    async fn is_new(&self, found: &GatewayPayment) -> Result<bool, Error> {
        let Some(gateway_id) = &found.gateway_id else { return Ok(false) };
        let name = PaymentName::gateway(PaymentMethod::TelegramStars, gateway_id);
        Ok(self.storage().payment_by_name(&name).await?.is_none())
    }

    /// Ends a subscription. Permanent tokens stay; the account is on the free plan.
    pub(super) async fn end_subscription(
        &self,
        mut subscription: Subscription,
        reason: EndReason,
    ) -> Result<(), Error> {
        subscription.status = SubscriptionStatus::Ended;
        subscription.end_reason = Some(reason);
        subscription.due_at = None;
        let (account_id, cycle_id) = (subscription.account_id, subscription.cycle_id);
        let data = subscription_data(&subscription);
        let event = self.event(account_id, "subscription.ended", data).await?;
        let write = BillingWrite {
            subscriptions: vec![subscription],
            events: vec![event],
            ..BillingWrite::default()
        };
        self.write(write).await?;
        // Should this be lost, the sweep does it when the plan's own time is up.
        Ok(self.storage().ledger().run(Command::EndCycle { account_id, cycle_id }).await?)
    }

    /// Takes in a payment that Telegram has made known: of an order, or of a further period.
    pub(super) async fn take_paid(&self, found: GatewayPayment) -> Result<(), Error> {
        let method = PaymentMethod::TelegramStars;
        let (Some(reference), Some(gateway_id)) = (&found.reference, &found.gateway_id) else {
            return Ok(());
        };
        if !self.is_new(&found).await? {
            return Ok(());
        }
        let Some(first) = self.storage().payment_by_name(&PaymentName::reference(reference)).await? else {
            tracing::error!(gateway_id, "ALERT: money came for an order that is not in our books; reconcile");
            return Ok(());
        };
        if first.gateway_id.is_none() {
            let payment = self.absorb(first, found).await?;
            return self.advance_payment(payment).await.map(drop);
        }
        // The same order once more: a further period, or a second payment of what can be paid once.
        let now = self.clock().now();
        let id = PaymentId(self.storage().next_id().await?);
        let is_period = first.kind == PaymentKind::Subscription;
        let paid_until =
            found.paid_until.or_else(|| is_period.then(|| now.plus_ms(domain::billing::STARS_PERIOD_MS)));
        let kind = if is_period { PaymentKind::Renewal } else { first.kind };
        let purchase = Purchase { kind, item: first.item.clone(), tokens: first.tokens };
        let reference = first.reference.clone();
        let mut payment = Payment {
            status: PaymentStatus::Paid,
            gateway_id: Some(gateway_id.clone()),
            receipt_email: first.receipt_email.clone(),
            payer_id: found.payer_id.or(first.payer_id.clone()),
            paid_until,
            subscription_id: first.subscription_id,
            cycle_index: self.next_cycle_index(&first).await?,
            cycle_id: if is_period { Some(CycleId(self.storage().next_id().await?)) } else { None },
            paid_at: Some(found.paid_at.unwrap_or(now).min(now)),
            due_at: Some(now.plus_ms(LEASE_MS)),
            ..Payment::new(first.account_id, id, purchase, method, found.amount, reference, now)
        };
        let write = BillingWrite {
            new_payments: vec![payment.clone()],
            names: vec![(PaymentName::gateway(method, gateway_id), payment.account_id, id)],
            ..BillingWrite::default()
        };
        self.write(write).await?;
        payment.version += 1;
        let payment = if is_period { payment } else { self.return_payment(payment).await? };
        self.advance_payment(payment).await.map(drop)
    }

    async fn next_cycle_index(&self, first: &Payment) -> Result<Option<i64>, Error> {
        let Some(id) = first.subscription_id else { return Ok(None) };
        let subscription = self.storage().subscription(first.account_id, id).await?;
        let index = subscription.map(|found| found.cycle_index + 1);
        // An order whose subscription never came to be: there is nothing to renew, and the money goes back.
        index
            .map_or_else(|| first.cycle_index.ok_or_else(|| broken(first)).map(Some), |index| Ok(Some(index)))
    }
}
