//! A refund, and how it is shown.

use super::{payment::money, request::RefundOrder};
use crate::payment::{insert_all, time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A refund, which is final at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    /// The idempotence key that it was asked for with.
    pub(super) key: String,
    pub(super) order: RefundOrder,
    /// Whether the money did not arrive.
    pub(super) is_declined: bool,
    pub(super) created_ms: i64,
}

impl Refund {
    /// Its status.
    pub(super) const fn status(&self) -> &'static str {
        if self.is_declined { "canceled" } else { "succeeded" }
    }

    /// It as the service shows it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "payment_id": self.order.payment_id,
            "status": self.status(),
            "created_at": time::shown(self.created_ms),
            "amount": money(self.order.amount),
        });
        let details = json!({"party": "refund_network", "reason": "rejected_by_payee"});
        let optional = [
            ("description", self.order.description.as_deref().map(Value::from)),
            ("metadata", self.order.metadata.clone()),
            ("receipt_registration", self.order.has_receipt.then(|| self.status().into())),
            ("cancellation_details", self.is_declined.then_some(details)),
        ];
        insert_all(&mut shown, optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        shown
    }

    /// It as an independent model compares it.
    pub(super) fn listed(&self) -> Value {
        json!({
            "service": "yookassa",
            "id": self.id,
            "payment_id": self.order.payment_id,
            "status": self.status(),
            "amount": money(self.order.amount),
            "amount_minor": self.order.amount.amount_minor,
            "reference": self.key,
            "metadata": self.order.metadata,
            "created_at": time::shown(self.created_ms),
        })
    }
}
