//! Payments, subscriptions and refunds as an app would write them.

use super::{Bench, CYCLE_MS};
use domain::{
    billing::{
        CycleWindow, Money, Payment, PaymentKind, Purchase, Refund, RefundKind, RefundStatus, Subscription,
    },
    id::{AccountId, CycleId, PaymentId, RefundId, SubscriptionId},
    port::PaymentMethod,
};

impl Bench {
    /// A payment for the first cycle of a subscription, due now and not yet written.
    pub(crate) async fn payment(&self, account_id: AccountId) -> Payment {
        let id = PaymentId(self.id().await);
        let purchase = Purchase { kind: PaymentKind::Subscription, item: "basic".to_owned(), tokens: 300 };
        let (method, price) = (PaymentMethod::Yookassa, Money::kopecks(89_000));
        let reference = format!("reference-{id}");
        Payment {
            subscription_id: Some(SubscriptionId(self.id().await)),
            cycle_index: Some(0),
            cycle_id: Some(CycleId(self.id().await)),
            due_at: Some(self.now()),
            ..Payment::new(account_id, id, purchase, method, price, reference, self.now())
        }
    }

    /// A live subscription, due now and not yet written.
    pub(crate) async fn subscription(&self, account_id: AccountId, payment: &Payment) -> Subscription {
        let window = CycleWindow { starts_at: self.now(), ends_at: self.now().plus_ms(CYCLE_MS) };
        let begun = Subscription::begin(payment, self.now(), window, self.now()).unwrap();
        Subscription {
            account_id,
            id: SubscriptionId(self.id().await),
            cycle_id: CycleId(self.id().await),
            due_at: Some(self.now()),
            ..begun
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
