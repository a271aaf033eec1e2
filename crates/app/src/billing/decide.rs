//! What money that has come buys. Decided in one write; the ledger follows.

use super::{LEASE_MS, payment_data, subscription_data};
use crate::{App, Error};
use domain::{
    billing::{
        CycleWindow, EndReason, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus,
        STARS_PERIOD_MS, Step, Subscription, SubscriptionStatus, cycle_window,
    },
    id::{RefundId, SubscriptionId},
    port::PaymentMethod,
    time::Timestamp,
};
use storage::BillingWrite;

impl App {
    pub(super) async fn decide_payment(&self, payment: Payment) -> Result<Payment, Error> {
        let account = self.storage().account(payment.account_id).await?;
        if account.is_none_or(|account| account.erased_at.is_some()) {
            // Nobody can have what it buys any more.
            return self.return_payment(payment).await;
        }
        match payment.kind {
            PaymentKind::Package => self.decide_package(payment).await,
            PaymentKind::Subscription => self.decide_start(payment).await,
            PaymentKind::Renewal => self.decide_renewal(payment).await,
        }
    }

    async fn decide_package(&self, payment: Payment) -> Result<Payment, Error> {
        let write = BillingWrite::default();
        self.apply(payment, write).await
    }

    /// A subscription starts, perhaps in place of another: at once, so long as that is still as it was when this was ordered.
    async fn decide_start(&self, payment: Payment) -> Result<Payment, Error> {
        let old = self.storage().live_subscription(payment.account_id).await?;
        if payment.replaces != old.as_ref().map(|old| (old.id, old.cycle_id)) {
            return self.return_payment(payment).await;
        }
        let now = self.clock().now();
        let anchor = match payment.paid_until {
            Some(paid_until) => paid_until.plus_ms(-STARS_PERIOD_MS),
            // By the service's clock, which may be behind: never before the order, so never before what it replaces.
            None => payment.paid_at.unwrap_or(now).max(payment.created_at),
        };
        let window = window_of(&payment, anchor).ok_or_else(|| broken(&payment))?;
        let mut new = Subscription::begin(&payment, anchor, window, now).ok_or_else(|| broken(&payment))?;
        new.due_at = self.next_step_at(&new);
        let mut write = BillingWrite { new_subscriptions: vec![new], ..BillingWrite::default() };
        if let Some(old) = old {
            self.replace(old, &mut write).await?;
        }
        self.apply(payment, write).await
    }

    /// Ends a subscription because another takes its place. What was paid ahead for its next cycle goes back.
    async fn replace(&self, mut old: Subscription, write: &mut BillingWrite) -> Result<(), Error> {
        if let Some(id) = old.renewal_payment_id
            && let Some(renewal) = self.storage().payment(old.account_id, id).await?
            && renewal.status == PaymentStatus::Paid
        {
            self.send_back(renewal, write).await?;
        }
        old.status = SubscriptionStatus::Ended;
        old.end_reason = Some(EndReason::Replaced);
        old.renewal_payment_id = None;
        old.due_at = None;
        write.events.push(self.event(old.account_id, "subscription.ended", subscription_data(&old)).await?);
        write.subscriptions.push(old);
        Ok(())
    }

    /// A further cycle: now, or when the one before has ended.
    async fn decide_renewal(&self, mut payment: Payment) -> Result<Payment, Error> {
        let Some(id) = payment.subscription_id else { return Err(broken(&payment)) };
        let subscription = self.storage().subscription(payment.account_id, id).await?;
        let is_expected = |found: &Subscription| {
            let by_us = payment.method == PaymentMethod::Yookassa;
            found.is_live() && (!by_us || found.renewal_payment_id == Some(payment.id))
        };
        let Some(mut subscription) = subscription.filter(is_expected) else {
            return self.return_payment(payment).await;
        };
        let now = self.clock().now();
        let starts_early = payment.method == PaymentMethod::Yookassa && now < subscription.window.ends_at;
        if starts_early {
            let ends_at = subscription.window.ends_at;
            if payment.due_at == Some(ends_at) {
                return Ok(payment);
            }
            payment.due_at = Some(ends_at);
            return self.save_payment(payment).await;
        }
        let cycle_id = payment.cycle_id.ok_or_else(|| broken(&payment))?;
        let window = window_of(&payment, subscription.anchor).ok_or_else(|| broken(&payment))?;
        let is_over = window.ends_at <= now;
        if payment.method == PaymentMethod::Yookassa && (subscription.cancel_at_end || is_over) {
            // It was canceled after the charge, and ends now; or nothing is left of the cycle, and another one is charged.
            subscription.renewal_payment_id = None;
            subscription.due_at = Some(now);
            let write = BillingWrite { subscriptions: vec![subscription], ..BillingWrite::default() };
            return Box::pin(self.return_with(payment, write)).await;
        }
        if is_same_period(&payment, window, subscription.window) {
            return self.return_payment(payment).await;
        }
        // Telegram's payments count in the order in which they are heard of.
        let next = subscription.cycle_index + 1;
        let cycle_index = payment.cycle_index.unwrap_or(next).max(next);
        payment.cycle_index = Some(cycle_index);
        subscription.cycle_index = cycle_index;
        if window.ends_at > subscription.window.ends_at {
            subscription.cycle_id = cycle_id;
            subscription.window = window;
            subscription.payment_id = payment.id;
            subscription.price =
                Money { currency: payment.amount.currency, amount_minor: payment.price_minor() };
        }
        if subscription.next_plan.as_deref() == Some(&payment.item) {
            subscription.next_plan = None;
        }
        subscription.plan.clone_from(&payment.item);
        subscription.status = SubscriptionStatus::Active;
        subscription.declines = 0;
        subscription.renewal_payment_id = None;
        subscription.due_at = self.next_step_at(&subscription);
        let data = subscription_data(&subscription);
        let event = self.event(payment.account_id, "subscription.renewed", data).await?;
        let write = BillingWrite {
            subscriptions: vec![subscription],
            events: vec![event],
            ..BillingWrite::default()
        };
        self.apply(payment, write).await
    }

    /// Writes the decision down.
    async fn apply(&self, mut payment: Payment, mut write: BillingWrite) -> Result<Payment, Error> {
        payment.status = PaymentStatus::Applying;
        payment.due_at = Some(self.clock().now().plus_ms(LEASE_MS));
        let data = payment_data(&payment);
        write.events.push(self.event(payment.account_id, "payment.succeeded", data).await?);
        write.payments.push(payment.clone());
        self.write(write).await?;
        payment.version += 1;
        Ok(payment)
    }

    /// Money for what could not be had any more goes back whole, and what was set aside for it too.
    pub(super) async fn return_payment(&self, payment: Payment) -> Result<Payment, Error> {
        Box::pin(self.return_with(payment, BillingWrite::default())).await
    }

    /// As [`Self::return_payment`], with what else is to be written.
    pub(super) async fn return_with(
        &self,
        payment: Payment,
        mut write: BillingWrite,
    ) -> Result<Payment, Error> {
        tracing::warn!(
            payment_id = payment.id.0,
            "a payment came too late for what it was to buy; it goes back"
        );
        let id = payment.id;
        let mut data = payment_data(&payment);
        data["returned"] = true.into();
        write.events.push(self.event(payment.account_id, "payment.failed", data).await?);
        self.send_back(payment, &mut write).await?;
        let returned = write.payments.iter().find(|payment| payment.id == id).cloned();
        let refund = write.new_refunds.first().cloned();
        self.write(write).await?;
        let mut returned = returned.ok_or_else(|| Error::Internal("no payment".to_owned()))?;
        returned.version += 1;
        if let Some(mut refund) = refund {
            refund.version += 1;
            // It is on record; whether it is done at once is another matter.
            if let Err(error) = self.advance_refund(refund).await {
                tracing::warn!(payment_id = id.0, %error, "a refund waits for the worker");
            }
        }
        Ok(returned)
    }

    async fn send_back(&self, mut payment: Payment, write: &mut BillingWrite) -> Result<(), Error> {
        let amount = payment.rest();
        payment.status = PaymentStatus::Returned;
        payment.refunded_minor = payment.amount.amount_minor;
        // What was set aside goes back in a step of its own: whoever decides on an old sight of it writes nothing, and must
        // not have given anything either.
        payment.due_at = Some(self.clock().now());
        let id = RefundId(self.storage().next_id().await?);
        write.new_refunds.push(Refund {
            account_id: payment.account_id,
            id,
            version: 0,
            payment_id: payment.id,
            kind: RefundKind::Unwanted,
            // It has given no tokens that could be taken.
            status: RefundStatus::Taken,
            amount,
            tokens: 0,
            owed_tokens: 0,
            cycle_id: None,
            seen: (0, 0),
            reference: refund_reference(id)?,
            gateway_id: None,
            reason: "paid for something that could not be had any more".to_owned(),
            attention: None,
            checks: 0,
            created_at: self.clock().now(),
            due_at: Some(self.lease_end()),
        });
        write.payments.push(payment);
        Ok(())
    }

    /// When a subscription is to be looked at, as it now stands.
    pub(super) fn next_step_at(&self, subscription: &Subscription) -> Option<Timestamp> {
        let now = self.clock().now();
        match subscription.step(self.rules(), now) {
            Step::Wait(until) => Some(until),
            Step::Charge { .. } | Step::End(_) => Some(now),
        }
    }
}

/// What a service knows a refund by. Random, for ids come again after a restore from a backup, and a service takes what it
/// knows for a repeat.
pub(super) fn refund_reference(id: RefundId) -> Result<String, Error> {
    let random = getrandom::u64().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(format!("refund-{id}-{random:016x}"))
}

/// The time of the cycle that a payment buys: the service's own period, or the subscription's calendar.
pub(super) fn window_of(payment: &Payment, anchor: Timestamp) -> Option<CycleWindow> {
    match payment.paid_until {
        Some(ends_at) => Some(CycleWindow { starts_at: ends_at.plus_ms(-STARS_PERIOD_MS), ends_at }),
        None => cycle_window(anchor, payment.cycle_index?),
    }
}

/// Whether Telegram was paid twice for one period: an invoice can be paid on two devices at once. Ends of two periods are a
/// whole one apart.
fn is_same_period(payment: &Payment, paid: CycleWindow, running: CycleWindow) -> bool {
    let apart_ms = paid.ends_at.ms_since(running.ends_at).saturating_abs();
    payment.method == PaymentMethod::TelegramStars && apart_ms < STARS_PERIOD_MS / 2
}

/// A payment for a plan that does not say for which subscription. The database does not take such a row.
pub(super) fn broken(payment: &Payment) -> Error {
    Error::Internal(format!("payment {} lacks its subscription or its cycle", payment.id))
}

/// The subscription that a payment is for.
pub(super) fn subscription_of(payment: &Payment) -> Result<SubscriptionId, Error> {
    payment.subscription_id.ok_or_else(|| broken(payment))
}
