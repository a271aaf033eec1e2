//! Money from people: orders, payments, subscriptions, renewals, refunds. The rules are told in `docs/billing.md`.
//!
//! A payment, a subscription and a refund are rows that go from step to step. Each step is written down before the next is
//! begun, under the version that was read; what a step tells the ledger or a payment service may be told again. So any
//! process may take up what another left, at any point.

mod autorenew;
mod change;
mod chargeback;
mod decide;
mod due;
mod enter;
mod notify;
mod once;
mod operate;
mod order;
mod payment;
mod reconcile;
mod records;
mod reference;
mod refund;
mod renew;
mod report;
mod round_books;
mod stop;
mod trade_in;

pub use due::Billed;
pub use once::{InWords, OrderAnswer};
pub use operate::{InDoubt, PaymentDetails};
pub(crate) use order::is_web_url;
pub use order::{Order, Ordered};
pub use reconcile::{Books, Finding, FindingKind, Outcome, Reconciliation};
pub use refund::RefundQuote;

use crate::{App, Error};
use domain::{
    billing::{Payment, Refund, RenewalRules, Subscription},
    id::AccountId,
    port::{GatewayError, GatewayErrorKind, GatewayPayment, PaymentGateway, PaymentMethod},
    time::Timestamp,
};
use serde_json::Value;
use std::sync::Arc;
use storage::{BillingWrite, NewEvent};

/// What a deployment decides about billing.
#[derive(Clone, Debug)]
pub struct BillingSettings {
    /// When renewals are charged, and what becomes of those that fail.
    pub rules: RenewalRules,
    /// What a Telegram Star is worth, in kopecks.
    pub kopecks_per_star: i64,
    /// Payments, subscriptions or refunds that one round of a worker works on at the same time.
    pub rows_at_once: usize,
}

/// Milliseconds for which a row that is being worked on is left to whoever does.
const LEASE_MS: i64 = 120_000;
/// Milliseconds by which a service's clock may differ from ours.
const CLOCK_SKEW_MS: i64 = 10 * 60 * 1_000;

impl App {
    /// The service for a method, where it is configured.
    fn gateway(&self, method: PaymentMethod) -> Option<&Arc<dyn PaymentGateway>> {
        self.inner.gateways.iter().find(|gateway| gateway.method() == method)
    }

    /// The service for a method of something that was paid, or is to be. An operator may have taken it out since.
    fn require_gateway(&self, method: PaymentMethod) -> Result<&Arc<dyn PaymentGateway>, GatewayError> {
        let message = || format!("{} is not configured any more", method.name());
        self.gateway(method).ok_or_else(|| GatewayError::new(GatewayErrorKind::NotConfigured, message()))
    }

    /// Asks a service how a payment is.
    async fn read_payment(
        &self,
        method: PaymentMethod,
        gateway_id: &str,
    ) -> Result<GatewayPayment, GatewayError> {
        self.require_gateway(method)?.payment(gateway_id).await
    }

    fn rules(&self) -> &RenewalRules {
        &self.inner.settings.billing.rules
    }

    /// Writes, or says that somebody else has written meanwhile.
    async fn write(&self, write: BillingWrite) -> Result<(), Error> {
        if self.storage().write_billing(write).await? { Ok(()) } else { Err(Error::Moved) }
    }

    /// Writes a payment alone, and gives it back as it now is.
    async fn save_payment(&self, mut payment: Payment) -> Result<Payment, Error> {
        self.write(BillingWrite { payments: vec![payment.clone()], ..BillingWrite::default() }).await?;
        payment.version += 1;
        Ok(payment)
    }

    /// Writes a refund alone, and gives it back as it now is.
    async fn save_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        self.write(BillingWrite { refunds: vec![refund.clone()], ..BillingWrite::default() }).await?;
        refund.version += 1;
        Ok(refund)
    }

    /// Writes a subscription alone, and gives it back as it now is.
    async fn save_subscription(&self, mut subscription: Subscription) -> Result<Subscription, Error> {
        let changed = vec![subscription.clone()];
        self.write(BillingWrite { subscriptions: changed, ..BillingWrite::default() }).await?;
        subscription.version += 1;
        Ok(subscription)
    }

    /// Something that happened, to be written with what it tells.
    async fn event(
        &self,
        account_id: AccountId,
        event_type: &'static str,
        data: Value,
    ) -> Result<NewEvent, Error> {
        let id = self.storage().next_id().await?;
        Ok(NewEvent { id, account_id, event_type, data: data.to_string() })
    }

    /// Until when a row is left to this process, which is about to work on it.
    fn lease_end(&self) -> Timestamp {
        self.clock().now().plus_ms(LEASE_MS)
    }
}

/// Milliseconds until the next look at something that has been looked at that often: half a minute, then twice as long each
/// time, up to an hour.
fn pause_ms(checks: i64) -> i64 {
    const FIRST_MS: i64 = 30_000;
    const LONGEST_MS: i64 = 60 * 60 * 1_000;
    (FIRST_MS << checks.clamp(0, 7)).min(LONGEST_MS)
}

/// What is said of a payment in an event.
fn payment_data(payment: &Payment) -> Value {
    serde_json::json!({
        "payment_id": payment.id,
        "kind": payment.kind.name(),
        "item": payment.item,
        "method": payment.method.name(),
        "amount": payment.amount.to_string(),
        "currency": payment.amount.currency.code(),
        "tokens": payment.tokens,
        "decline": payment.decline.map(domain::port::Decline::name),
    })
}

/// What is said of a subscription in an event.
fn subscription_data(subscription: &Subscription) -> Value {
    serde_json::json!({
        "subscription_id": subscription.id,
        "plan": subscription.plan,
        "method": subscription.method.name(),
        "status": subscription.status.name(),
        "end_reason": subscription.end_reason.map(domain::billing::EndReason::name),
        "cycle_starts_at": subscription.window.starts_at,
        "cycle_ends_at": subscription.window.ends_at,
        "next_plan": subscription.next_plan,
    })
}
