//! What Telegram tells of its own accord: updates, of which payments are a few kinds.

use super::{instant, stars};
use domain::{
    billing::{Currency, Money},
    port::{
        GatewayPayment, GatewayPaymentStatus, GatewayRefund, GatewayRefundStatus, Notification,
        NotificationError,
    },
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Update {
    pre_checkout_query: Option<PreCheckoutQuery>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct PreCheckoutQuery {
    id: String,
    from: User,
    currency: String,
    total_amount: i64,
    invoice_payload: String,
}

#[derive(Deserialize)]
struct Message {
    from: Option<User>,
    /// Seconds since the epoch.
    date: Option<i64>,
    successful_payment: Option<SuccessfulPayment>,
    refunded_payment: Option<RefundedPayment>,
}

#[derive(Deserialize)]
struct SuccessfulPayment {
    currency: String,
    total_amount: i64,
    invoice_payload: String,
    telegram_payment_charge_id: String,
    /// Seconds since the epoch.
    subscription_expiration_date: Option<i64>,
}

#[derive(Deserialize)]
struct RefundedPayment {
    currency: String,
    total_amount: i64,
    telegram_payment_charge_id: String,
}

#[derive(Deserialize)]
struct User {
    id: i64,
}

pub(super) fn read(body: &[u8]) -> Result<Notification, NotificationError> {
    // The words of the message are not repeated: they may be a person's.
    let update: Update =
        serde_json::from_slice(body).map_err(|_| malformed("not the JSON that was expected"))?;
    match update {
        Update { pre_checkout_query: Some(query), .. } => pre_checkout(query),
        Update { message: Some(Message { from, date, successful_payment: Some(payment), .. }), .. } => {
            paid(payment, from, date)
        }
        Update { message: Some(Message { refunded_payment: Some(payment), .. }), .. } => refunded(payment),
        Update { .. } => Ok(Notification::Other),
    }
}

fn pre_checkout(query: PreCheckoutQuery) -> Result<Notification, NotificationError> {
    Ok(Notification::PreCheckout {
        amount: amount(&query.currency, query.total_amount)?,
        query_id: query.id,
        reference: query.invoice_payload,
        payer_id: query.from.id.to_string(),
    })
}

fn paid(
    payment: SuccessfulPayment,
    from: Option<User>,
    date: Option<i64>,
) -> Result<Notification, NotificationError> {
    let read = |unix_s: i64| instant(unix_s).ok_or_else(|| malformed("a date that cannot be"));
    Ok(Notification::Paid(GatewayPayment {
        gateway_id: Some(charge_id(payment.telegram_payment_charge_id)?),
        reference: Some(payment.invoice_payload),
        status: GatewayPaymentStatus::Succeeded,
        amount: amount(&payment.currency, payment.total_amount)?,
        refunded: Money::stars(0),
        confirmation_url: None,
        saved_method_id: None,
        payer_id: from.map(|user| user.id.to_string()),
        paid_at: date.map(read).transpose()?,
        paid_until: payment.subscription_expiration_date.map(read).transpose()?,
    }))
}

/// The payload is the payment's reference; a refund has none.
fn refunded(payment: RefundedPayment) -> Result<Notification, NotificationError> {
    Ok(Notification::Refunded(GatewayRefund {
        gateway_id: None,
        reference: None,
        payment_gateway_id: charge_id(payment.telegram_payment_charge_id)?,
        amount: amount(&payment.currency, payment.total_amount)?,
        status: GatewayRefundStatus::Succeeded,
    }))
}

fn amount(currency: &str, total_amount: i64) -> Result<Money, NotificationError> {
    if currency != Currency::Xtr.code() {
        return Err(malformed("its currency is not Stars"));
    }
    stars(total_amount).ok_or_else(|| malformed("an amount below 0"))
}

/// Payments are told apart by it.
fn charge_id(id: String) -> Result<String, NotificationError> {
    if id.is_empty() { Err(malformed("a payment without an id")) } else { Ok(id) }
}

fn malformed(what: &str) -> NotificationError {
    NotificationError::Malformed(what.to_owned())
}
