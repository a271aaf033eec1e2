//! A generation.

use crate::openapi::{Id, Time};
use app::{Finished, GenerationStatus, GenerationView, Running};
use domain::{id::GenerationId, time::Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};
use utoipa::ToSchema;

/// A generation as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Generation)]
pub(crate) struct GenerationBody {
    #[schema(value_type = Id)]
    id: GenerationId,
    /// `pending`, `completed` or `failed`.
    status: &'static str,
    model_slug: String,
    result_text: Option<String>,
    result_url: Option<String>,
    thumbnail_url: Option<String>,
    error: Option<String>,
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// 0 to 100, when the vendor tells it.
    progress: Option<i64>,
    /// NeuralBox tokens; 0 unless completed. What was given back of them later stands in `tokens_refunded`.
    tokens_spent: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// NeuralBox tokens that came back after it had completed; there only where some did.
    tokens_refunded: Option<i64>,
    processing_ms: Option<i64>,
    /// `width`, `height`, `duration`, `seed`, `format`, `usage`, `upstream_model`, as they apply.
    #[schema(value_type = Object)]
    result_metadata: Box<RawValue>,
    /// NeuralBox tokens that are free to spend.
    balance_remaining: i64,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    completed_at: Option<Timestamp>,
}

impl GenerationBody {
    /// A generation that has just begun, and that nobody waits for.
    pub(crate) fn begun(running: &Running) -> Self {
        Self {
            id: running.id,
            status: GenerationStatus::Pending.name(),
            model_slug: running.model_slug.clone(),
            result_text: None,
            result_url: None,
            thumbnail_url: None,
            error: None,
            error_code: None,
            progress: None,
            tokens_spent: 0,
            tokens_refunded: None,
            processing_ms: None,
            result_metadata: raw("{}".to_owned()),
            balance_remaining: running.start.balance_tokens,
            created_at: running.start.created_at,
            completed_at: None,
        }
    }
}

impl From<&Finished> for GenerationBody {
    fn from(finished: &Finished) -> Self {
        Self {
            id: finished.id,
            status: GenerationStatus::Completed.name(),
            model_slug: finished.model_slug.clone(),
            result_text: finished.text.as_deref().map(str::to_owned),
            result_url: finished.result_url.clone(),
            thumbnail_url: finished.thumbnail_url.clone(),
            progress: None,
            error: None,
            error_code: None,
            tokens_spent: finished.tokens_spent,
            tokens_refunded: None,
            processing_ms: Some(finished.completed_at.ms_since(finished.created_at)),
            result_metadata: raw(finished.metadata.clone()),
            balance_remaining: finished.balance_tokens,
            created_at: finished.created_at,
            completed_at: Some(finished.completed_at),
        }
    }
}

impl From<GenerationView> for GenerationBody {
    fn from(view: GenerationView) -> Self {
        let GenerationView { record, balance_tokens, progress, result_url, thumbnail_url } = view;
        let mut metadata = record.result_metadata.unwrap_or_else(|| "{}".to_owned());
        // Its answer is kept no longer, as the plan says.
        if record.is_pruned {
            let mut object: Map<String, Value> = serde_json::from_str(&metadata).unwrap_or_default();
            object.insert("pruned".to_owned(), json!(true));
            metadata = Value::Object(object).to_string();
        }
        Self {
            id: record.id,
            status: record.status.name(),
            model_slug: record.model_slug,
            result_text: record.result_text,
            result_url,
            thumbnail_url,
            progress,
            error: record.error_message,
            error_code: record.error_code,
            tokens_spent: match record.status {
                GenerationStatus::Completed => record.price_tokens,
                GenerationStatus::Pending | GenerationStatus::Failed => 0,
            },
            tokens_refunded: record.refunded_tokens,
            processing_ms: record.completed_at.map(|at| at.ms_since(record.created_at)),
            result_metadata: raw(metadata),
            balance_remaining: balance_tokens,
            created_at: record.created_at,
            completed_at: record.completed_at,
        }
    }
}

/// A JSON object that goes out as it is.
fn raw(json: String) -> Box<RawValue> {
    let read = RawValue::from_string(json).or_else(|_| RawValue::from_string("{}".to_owned()));
    read.unwrap_or_default()
}

/// A generation that has ended, as its owner sees it: what messages to clients' servers say of it.
pub fn ended_generation(view: GenerationView) -> Value {
    serde_json::to_value(GenerationBody::from(view)).unwrap_or_default()
}

/// One that was completed, for the documentation.
pub(crate) fn example() -> Value {
    json!({
        "id": 18473, "status": "completed", "model_slug": "gpt-5", "result_text": "A boat is a small ship.",
        "result_url": null, "thumbnail_url": null, "error": null, "error_code": null, "tokens_spent": 2,
        "processing_ms": 1842, "result_metadata": { "usage": { "input_tokens": 9, "output_tokens": 7 } },
        "balance_remaining": 281, "created_at": "2026-11-22T12:00:00.120Z", "completed_at": "2026-11-22T12:00:01.962Z",
    })
}

/// One that has just begun, for the documentation.
pub(crate) fn begun_example() -> Value {
    json!({
        "id": 18473, "status": "pending", "model_slug": "luma-ray2", "result_text": null, "result_url": null,
        "thumbnail_url": null, "error": null, "error_code": null, "tokens_spent": 0, "processing_ms": null,
        "result_metadata": {}, "balance_remaining": 158, "created_at": "2026-11-22T12:00:00.120Z", "completed_at": null,
    })
}

/// One that was canceled, for the documentation.
pub(crate) fn canceled_example() -> Value {
    let mut body = begun_example();
    body["status"] = json!("failed");
    body["error"] = json!("the generation was canceled; nothing was charged");
    body["error_code"] = json!("canceled");
    body["completed_at"] = json!("2026-11-22T12:00:08.400Z");
    body["processing_ms"] = json!(8_280);
    body
}
