//! Payments and refunds as `YooKassa` shows them.

use crate::adapter::broken;
use chrono::DateTime;
use domain::{
    billing::{Currency, Money},
    port::{Decline, GatewayError, GatewayPayment, GatewayPaymentStatus, GatewayRefund, GatewayRefundStatus},
    time::Timestamp,
};
use serde::Deserialize;

/// Longer than any id of the service's: they have 36.
const MAX_ID_CHARS: usize = 64;

/// Whether `text` can be an id of the service's.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[derive(Deserialize)]
pub(super) struct PaymentObject {
    id: String,
    status: String,
    amount: Amount,
    refunded_amount: Option<Amount>,
    payment_method: Option<Method>,
    confirmation: Option<Confirmation>,
    captured_at: Option<String>,
    cancellation_details: Option<Cancellation>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(super) struct RefundObject {
    id: String,
    payment_id: String,
    status: String,
    amount: Amount,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Amount {
    value: String,
    currency: String,
}

#[derive(Deserialize)]
struct Method {
    id: Option<String>,
    #[serde(default)]
    saved: bool,
}

#[derive(Deserialize)]
struct Confirmation {
    confirmation_url: Option<String>,
}

#[derive(Deserialize)]
struct Cancellation {
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    reference: Option<String>,
}

impl PaymentObject {
    /// Whether it is in roubles. We ask for nothing else; a shop may sell more than what we sell.
    pub(super) fn is_in_roubles(&self) -> bool {
        self.amount.is_in_roubles()
    }

    pub(super) fn payment(self) -> Result<GatewayPayment, GatewayError> {
        let status = match self.status.as_str() {
            // Money that is held is not ours, whatever `paid` says.
            "pending" | "waiting_for_capture" => GatewayPaymentStatus::Pending,
            "succeeded" => GatewayPaymentStatus::Succeeded,
            "canceled" => {
                let reason = self.cancellation_details.map(|details| details.reason).unwrap_or_default();
                GatewayPaymentStatus::Canceled(decline(&reason))
            }
            _ => return Err(broken("the payment has a status that YooKassa's documentation does not have")),
        };
        let refunded = self.refunded_amount.map(|amount| amount.money()).transpose()?;
        Ok(GatewayPayment {
            gateway_id: Some(checked_id(self.id)?),
            reference: self.metadata.and_then(|metadata| metadata.reference),
            status,
            amount: self.amount.money()?,
            refunded: refunded.unwrap_or(Money::kopecks(0)),
            confirmation_url: self.confirmation.and_then(|confirmation| confirmation.confirmation_url),
            saved_method_id: self.payment_method.filter(|method| method.saved).and_then(|method| method.id),
            payer_id: None,
            paid_at: self.captured_at.and_then(|at| instant(&at)),
            paid_until: None,
        })
    }
}

impl RefundObject {
    /// As [`PaymentObject::is_in_roubles`].
    pub(super) fn is_in_roubles(&self) -> bool {
        self.amount.is_in_roubles()
    }

    pub(super) fn refund(self) -> Result<GatewayRefund, GatewayError> {
        let status = match self.status.as_str() {
            "pending" => GatewayRefundStatus::Pending,
            "succeeded" => GatewayRefundStatus::Succeeded,
            "canceled" => GatewayRefundStatus::Canceled,
            _ => return Err(broken("the refund has a status that YooKassa's documentation does not have")),
        };
        Ok(GatewayRefund {
            gateway_id: Some(checked_id(self.id)?),
            reference: self.metadata.and_then(|metadata| metadata.reference),
            payment_gateway_id: checked_id(self.payment_id)?,
            amount: self.amount.money()?,
            status,
        })
    }
}

impl Amount {
    fn is_in_roubles(&self) -> bool {
        self.currency == Currency::Rub.code()
    }

    fn money(&self) -> Result<Money, GatewayError> {
        let money = Some(Currency::Rub).filter(|_| self.is_in_roubles());
        let money = money.and_then(|currency| Money::parse(&self.value, currency));
        money.ok_or_else(|| broken("the amount is no amount of roubles"))
    }
}

/// What is not an id could not be asked after, or would ask for something else.
fn checked_id(id: String) -> Result<String, GatewayError> {
    if is_id(&id) { Ok(id) } else { Err(broken("the id is none of YooKassa's")) }
}

/// Reads ISO 8601. One that cannot be read is as good as none, and no reason not to believe in the money.
fn instant(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp::from_unix_ms(at.timestamp_millis()))
}

/// What to do about a reason. New reasons may come: they are worth another try.
fn decline(reason: &str) -> Decline {
    match reason {
        "card_expired" | "invalid_card_number" | "payment_method_restricted" | "permission_revoked" => {
            Decline::MethodGone
        }
        "call_issuer" | "country_forbidden" | "fraud_suspected" => Decline::Refused,
        "3d_secure_failed" | "expired_on_confirmation" => Decline::NotConfirmed,
        _ => Decline::Passing,
    }
}
