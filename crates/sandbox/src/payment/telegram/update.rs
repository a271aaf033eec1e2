//! Updates: what Telegram tells a bot.

use super::{
    books::{Charge, Subscription},
    invoice::Invoice,
};
use crate::payment::insert_all;
use serde_json::{Value, json};

/// The kind of update in which a payer waits for a yes.
pub(super) const PRE_CHECKOUT: &str = "pre_checkout_query";
/// The kind of update in which all else comes.
pub(super) const MESSAGE: &str = "message";

/// Somebody.
pub(super) fn user(id: i64) -> Value {
    json!({"id": id, "is_bot": false, "first_name": "Payer"})
}

/// Asks whether a payment may go on.
pub(super) fn pre_checkout(query_id: &str, user_id: i64, invoice: &Invoice) -> Value {
    json!({
        "id": query_id,
        "from": user(user_id),
        "currency": "XTR",
        "total_amount": invoice.amount_stars,
        "invoice_payload": invoice.payload,
    })
}

/// Says that a charge was paid: the first one or a later one of a subscription, or one without.
pub(super) fn successful_payment(charge: &Charge, subscription: Option<&Subscription>) -> Value {
    let mut payment = payment(charge);
    if let Some(subscription) = subscription {
        let expires_s = subscription.expires_ms.div_euclid(1_000);
        insert_all(
            &mut payment,
            [("subscription_expiration_date", expires_s.into()), ("is_recurring", true.into())],
        );
        if subscription.id == charge.id {
            insert_all(&mut payment, [("is_first_recurring", true.into())]);
        }
    }
    json!({"successful_payment": payment})
}

/// Says that a charge was given back.
pub(super) fn refunded_payment(charge: &Charge) -> Value {
    json!({"refunded_payment": payment(charge)})
}

fn payment(charge: &Charge) -> Value {
    json!({
        "currency": "XTR",
        "total_amount": charge.amount_stars,
        "invoice_payload": charge.payload,
        "telegram_payment_charge_id": charge.id,
        "provider_payment_charge_id": charge.provider_id(),
    })
}

/// A message of `content` in the chat with a user.
pub(super) fn message(message_id: i64, user_id: i64, now_ms: i64, content: Value) -> Value {
    let mut message = json!({
        "message_id": message_id,
        "from": user(user_id),
        "chat": {"id": user_id, "type": "private", "first_name": "Payer"},
        "date": now_ms.div_euclid(1_000),
    });
    if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
        message.extend(content);
    }
    message
}

/// An update of a kind.
pub(super) fn update(update_id: i64, kind: &str, content: Value) -> Value {
    json!({"update_id": update_id, kind: content})
}
