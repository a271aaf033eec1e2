//! What `YooKassa` tells of its own accord. Anybody could have said it: only ids and our reference are taken from it, to read back.

use super::{is_key, object::is_id};
use domain::port::{Notification, NotificationError};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    id: Option<String>,
    payment_id: Option<String>,
    /// A shop may sell more than what we sell, and write down what it likes.
    #[serde(default)]
    metadata: Value,
}

pub(super) fn read(body: &[u8]) -> Result<Notification, NotificationError> {
    let malformed = |what: &str| NotificationError::Malformed(what.to_owned());
    // The words of the message are not repeated.
    let message: Message =
        serde_json::from_slice(body).map_err(|_| malformed("not the JSON that was expected"))?;
    if message.kind != "notification" {
        return Err(malformed("its type is not `notification`"));
    }
    let id = |id: Option<String>| id.filter(|id| is_id(id)).ok_or_else(|| malformed("an id is not there"));
    let Object { id: object_id, payment_id, metadata } = message.object;
    match message.event.split_once('.') {
        Some(("payment", _)) => {
            let reference = metadata.get("reference").and_then(Value::as_str);
            let reference = reference.filter(|reference| is_key(reference)).map(str::to_owned);
            Ok(Notification::PaymentMoved { gateway_id: id(object_id)?, reference })
        }
        Some(("refund", _)) => {
            Ok(Notification::RefundMoved { gateway_id: id(object_id)?, payment_gateway_id: id(payment_id)? })
        }
        _ => Ok(Notification::Other),
    }
}
