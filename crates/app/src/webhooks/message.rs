//! What is sent.

use crate::{App, Error};
use domain::{
    id::{AccountId, GenerationId},
    time::Timestamp,
    webhook::EventType,
};
use serde::Serialize;
use serde_json::Value;
use storage::EventRecord;

/// An event as its receiver sees it.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Value,
}

/// By what receivers tell events apart: the same for every attempt, and for every address.
pub fn message_id(event_id: i64) -> String {
    format!("msg_{event_id}")
}

impl App {
    /// The body of a message; `None` when what it tells of is no longer kept.
    pub(super) async fn webhook_body(
        &self,
        account_id: AccountId,
        event_id: i64,
        event: &EventRecord,
    ) -> Result<Option<String>, Error> {
        let is_of_generation = EventType::parse(&event.event_type).is_some_and(EventType::is_of_generation);
        let data = if is_of_generation {
            let record = self.storage().generation(account_id, GenerationId(event_id)).await?;
            let Some(record) = record else { return Ok(None) };
            let balance_tokens = record.balance_tokens.unwrap_or_default();
            (self.inner.webhooks.show)(self.view(record, balance_tokens, None))
        } else {
            serde_json::from_str(&event.data).map_err(|error| Error::Internal(error.to_string()))?
        };
        let message = Message { r#type: &event.event_type, timestamp: event.created_at, data };
        let body = serde_json::to_string(&message).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Some(body))
    }
}
