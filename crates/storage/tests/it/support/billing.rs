//! Payments, subscriptions and refunds as an app would write them.

use super::{Bench, CYCLE_MS};
use domain::{
    billing::{
        CycleWindow, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus,
        Subscription, SubscriptionStatus,
    },
    id::{AccountId, CycleId, PaymentId, RefundId, SubscriptionId},
    port::PaymentMethod,
};

impl Bench {
    /// A payment for the first cycle of a subscription, due now and not yet written.
    pub(crate) async fn payment(&self, account_id: AccountId) -> Payment {
        let id = PaymentId(self.id().await);
        Payment {
            account_id,
            id,
            version: 0,
            kind: PaymentKind::Subscription,
            item: "basic".to_owned(),
            tokens: 300,
            method: PaymentMethod::Yookassa,
            status: PaymentStatus::New,
            amount: Money::kopecks(89_000),
            credit_minor: 0,
            refunded_minor: 0,
            reference: format!("reference-{id}"),
            gateway_id: None,
            confirmation_url: None,
            return_url: None,
            receipt_email: None,
            saved_method_id: None,
            payer_id: None,
            paid_until: None,
            subscription_id: Some(SubscriptionId(self.id().await)),
            cycle_index: Some(0),
            cycle_id: Some(CycleId(self.id().await)),
            replaces: None,
            trade_in: None,
            decline: None,
            attention: None,
            checks: 0,
            created_at: self.now(),
            paid_at: None,
            due_at: Some(self.now()),
        }
    }

    /// A live subscription, due now and not yet written.
    pub(crate) async fn subscription(&self, account_id: AccountId, payment: &Payment) -> Subscription {
        Subscription {
            account_id,
            id: SubscriptionId(self.id().await),
            version: 0,
            plan: payment.item.clone(),
            method: payment.method,
            status: SubscriptionStatus::Active,
            end_reason: None,
            anchor: self.now(),
            cycle_index: 0,
            cycle_id: CycleId(self.id().await),
            window: CycleWindow { starts_at: self.now(), ends_at: self.now().plus_ms(CYCLE_MS) },
            price: payment.amount,
            payment_id: payment.id,
            saved_method_id: None,
            is_method_gone: false,
            payer_id: None,
            receipt_email: None,
            cancel_at_end: false,
            next_plan: None,
            declines: 0,
            renewal_payment_id: None,
            attention: None,
            created_at: self.now(),
            due_at: Some(self.now()),
        }
    }

    /// A refund of the whole payment, due now and not yet written.
    pub(crate) async fn refund(&self, payment: &Payment) -> Refund {
        let id = RefundId(self.id().await);
        Refund {
            account_id: payment.account_id,
            id,
            version: 0,
            payment_id: payment.id,
            kind: RefundKind::Granted,
            status: RefundStatus::New,
            amount: payment.amount,
            tokens: payment.tokens,
            owed_tokens: 0,
            cycle_id: payment.cycle_id,
            seen: (payment.tokens, 0),
            reference: format!("refund-{id}"),
            gateway_id: None,
            reason: "it did not work".to_owned(),
            attention: None,
            checks: 0,
            created_at: self.now(),
            due_at: Some(self.now()),
        }
    }
}
