//! A payment: its life, and how it is shown.

use super::request::{By, PaymentOrder};
use crate::payment::{insert_all, time};
use domain::billing::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a payer may take to confirm.
const CONFIRMATION_MS: i64 = 3_600_000;
/// How long the shop may take to capture.
const CAPTURE_MS: i64 = 7 * 86_400_000;
/// What the service keeps, of a thousand.
const FEE_PER_MILLE: i64 = 35;

/// A payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    /// The idempotence key that it was asked for with.
    pub(super) key: String,
    pub(super) order: PaymentOrder,
    pub(super) status: Status,
    pub(super) method: Option<Method>,
    pub(super) refunded_kopecks: i64,
    pub(super) created_ms: i64,
    pub(super) captured_ms: Option<i64>,
    shop_id: String,
}

/// By what it was paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Method {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) is_saved: bool,
    /// Whether it can no longer be charged; only the payment in which it was saved knows.
    pub(super) is_revoked: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    /// The payer has to confirm it.
    Pending,
    /// The money is held, and has to be captured by then, in milliseconds since the epoch.
    WaitingForCapture(i64),
    /// The money is the shop's.
    Succeeded,
    /// It is over.
    Canceled(Cancellation),
}

impl Status {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::WaitingForCapture(_) => "waiting_for_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled(_) => "canceled",
        }
    }
}

/// Why it was canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cancellation {
    InsufficientFunds,
    PermissionRevoked,
    ThreeDsFailed,
    NotConfirmed,
    NotCaptured,
    ByShop,
}

impl Cancellation {
    /// It as a field: who, and why.
    pub(super) fn shown(self) -> Value {
        let (party, reason) = match self {
            Self::InsufficientFunds => ("payment_network", "insufficient_funds"),
            Self::PermissionRevoked => ("payment_network", "permission_revoked"),
            Self::ThreeDsFailed => ("payment_network", "3d_secure_failed"),
            Self::NotConfirmed => ("yoo_money", "expired_on_confirmation"),
            Self::NotCaptured => ("yoo_money", "expired_on_capture"),
            Self::ByShop => ("merchant", "canceled_by_merchant"),
        };
        json!({"party": party, "reason": reason})
    }
}

impl Payment {
    /// A payment that nobody has confirmed yet; `saved` is the kind of the saved method by which it is asked for.
    pub(super) fn new(
        id: String,
        shop_id: String,
        key: String,
        order: PaymentOrder,
        saved: Option<Method>,
        now_ms: i64,
    ) -> Self {
        let method = match &order.by {
            By::Saved(_) => saved,
            By::Page { kind, .. } => {
                kind.clone().map(|kind| Method { id: id.clone(), kind, is_saved: false, is_revoked: false })
            }
        };
        Self {
            id,
            key,
            order,
            status: Status::Pending,
            method,
            refunded_kopecks: 0,
            created_ms: now_ms,
            captured_ms: None,
            shop_id,
        }
    }

    /// The payer, or the saved method, pays. `saves` is whether the payer lets the method be saved, where the shop left
    /// that open.
    pub(super) fn pay(&mut self, saves: Option<bool>, now_ms: i64) {
        if let By::Page { kind, saves: wanted, .. } = &self.order.by {
            let kind = kind.clone().unwrap_or_else(|| "bank_card".to_owned());
            let is_saved = saves.unwrap_or(*wanted);
            self.method = Some(Method { id: self.id.clone(), kind, is_saved, is_revoked: false });
        }
        if self.order.capture {
            self.capture(now_ms);
        } else {
            self.status = Status::WaitingForCapture(now_ms.saturating_add(CAPTURE_MS));
        }
    }

    /// The money becomes the shop's.
    pub(super) fn capture(&mut self, now_ms: i64) {
        self.status = Status::Succeeded;
        self.captured_ms = Some(now_ms);
    }

    /// Why it is over by now, if it was open.
    pub(super) fn expiry(&self, now_ms: i64) -> Option<Cancellation> {
        match self.status {
            Status::Pending if self.created_ms.saturating_add(CONFIRMATION_MS) <= now_ms => {
                Some(Cancellation::NotConfirmed)
            }
            Status::WaitingForCapture(until_ms) if until_ms <= now_ms => Some(Cancellation::NotCaptured),
            _ => None,
        }
    }

    /// Whether it is asked for by a saved method.
    pub(super) const fn is_by_saved(&self) -> bool {
        matches!(self.order.by, By::Saved(_))
    }

    /// Where the payer goes afterwards.
    pub(super) fn return_url(&self) -> Option<&str> {
        match &self.order.by {
            By::Page { return_url, .. } => Some(return_url),
            By::Saved(_) => None,
        }
    }

    /// The event that tells how it stands.
    pub(super) fn event(&self) -> String {
        format!("payment.{}", self.status.name())
    }

    /// It as the service shows it; `page_url` is where it is confirmed.
    pub(super) fn shown(&self, page_url: &str) -> Value {
        let amount = self.order.amount;
        let is_received = self.status == Status::Succeeded;
        let is_paid = is_received || matches!(self.status, Status::WaitingForCapture(_));
        let mut shown = json!({
            "id": self.id,
            "status": self.status.name(),
            "amount": money(amount),
            "recipient": {"account_id": self.shop_id, "gateway_id": "1"},
            "created_at": time::shown(self.created_ms),
            "paid": is_paid,
            "refundable": is_received && self.refunded_kopecks < amount.amount_minor,
            "test": true,
            "metadata": self.order.metadata.clone().unwrap_or_else(|| json!({})),
        });
        let optional = [
            ("description", self.order.description.as_deref().map(Value::from)),
            ("merchant_customer_id", self.order.merchant_customer_id.as_deref().map(Value::from)),
            ("payment_method", self.method.as_ref().map(Method::shown)),
            ("confirmation", self.confirmation(page_url)),
            ("captured_at", self.captured_ms.map(|at_ms| time::shown(at_ms).into())),
            (
                "receipt_registration",
                self.order.has_receipt.then(|| receipt_registration(self.status).into()),
            ),
        ];
        let by_status = match self.status {
            Status::Pending => vec![],
            Status::WaitingForCapture(until_ms) => vec![("expires_at", time::shown(until_ms).into())],
            Status::Canceled(why) => vec![("cancellation_details", why.shown())],
            Status::Succeeded => vec![
                ("income_amount", money(after_fee(amount))),
                ("refunded_amount", money(Money::kopecks(self.refunded_kopecks))),
                ("authorization_details", json!({"rrn": "000000000001", "auth_code": "000001"})),
            ],
        };
        let present = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        insert_all(&mut shown, present.chain(by_status));
        shown
    }

    /// It as an independent model compares it.
    pub(super) fn listed(&self, page_url: &str) -> Value {
        let saved = self.method.as_ref().filter(|method| method.is_saved);
        let mut listed = json!({
            "service": "yookassa",
            "id": self.id,
            "status": self.status.name(),
            "amount": money(self.order.amount),
            "amount_minor": self.order.amount.amount_minor,
            "refunded_minor": self.refunded_kopecks,
            "reference": self.key,
            "metadata": self.order.metadata,
            "created_at": time::shown(self.created_ms),
            "saved_method_id": saved.map(|method| &method.id),
            "confirmation_url": page_url,
        });
        if let Status::Canceled(why) = self.status {
            insert_all(&mut listed, [("cancellation_details", why.shown())]);
        }
        listed
    }

    fn confirmation(&self, page_url: &str) -> Option<Value> {
        let return_url = self.return_url().filter(|_| self.status == Status::Pending)?;
        Some(json!({"type": "redirect", "return_url": return_url, "confirmation_url": page_url}))
    }
}

impl Method {
    fn shown(&self) -> Value {
        let status = if self.is_saved { "active" } else { "inactive" };
        let mut shown = json!({"type": self.kind, "id": self.id, "saved": self.is_saved, "status": status});
        if self.kind == "bank_card" {
            let card = json!({
                "first6": "555555", "last4": "4444", "expiry_month": "12", "expiry_year": "2035",
                "card_type": "MasterCard", "issuer_country": "RU",
            });
            insert_all(&mut shown, [("title", "Bank card *4444".into()), ("card", card)]);
        }
        shown
    }
}

/// An amount as a field.
pub(super) fn money(amount: Money) -> Value {
    json!({"value": amount.to_string(), "currency": amount.currency.code()})
}

fn after_fee(amount: Money) -> Money {
    let fee = amount.amount_minor.saturating_mul(FEE_PER_MILLE).saturating_add(999) / 1_000;
    Money::kopecks(amount.amount_minor.saturating_sub(fee))
}

const fn receipt_registration(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::WaitingForCapture(_) => "pending",
        Status::Succeeded => "succeeded",
        Status::Canceled(_) => "canceled",
    }
}

/// Roubles on disk, as kopecks.
pub(super) mod kopecks {
    use domain::billing::Money;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::payment::yookassa) fn serialize<S: Serializer>(
        amount: &Money,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(amount.amount_minor)
    }

    pub(in crate::payment::yookassa) fn deserialize<'a, D: Deserializer<'a>>(
        deserializer: D,
    ) -> Result<Money, D::Error> {
        i64::deserialize(deserializer).map(Money::kopecks)
    }
}
