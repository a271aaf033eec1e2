//! A generation.

use app::{Finished, GenerationStatus, GenerationView, Running};
use domain::{id::GenerationId, time::Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
pub(crate) struct GenerationBody {
    id: GenerationId,
    status: &'static str,
    model_slug: String,
    result_text: Option<String>,
    result_url: Option<String>,
    thumbnail_url: Option<String>,
    error: Option<String>,
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<i64>,
    tokens_spent: i64,
    processing_ms: Option<i64>,
    result_metadata: Value,
    balance_remaining: i64,
    created_at: Timestamp,
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
            processing_ms: None,
            result_metadata: json!({}),
            balance_remaining: running.start.balance_tokens,
            created_at: running.start.created_at,
            completed_at: None,
        }
    }

    /// One that has ended, with what could be spent then: a repeat is told the same.
    pub(crate) fn at_its_end(view: GenerationView) -> Self {
        let balance_remaining = view.record.balance_tokens.unwrap_or(view.balance_tokens);
        Self { balance_remaining, ..Self::from(view) }
    }
}

impl From<&Finished> for GenerationBody {
    fn from(finished: &Finished) -> Self {
        Self {
            id: finished.id,
            status: GenerationStatus::Completed.name(),
            model_slug: finished.model_slug.clone(),
            result_text: finished.text.clone(),
            result_url: finished.result_url.clone(),
            thumbnail_url: finished.thumbnail_url.clone(),
            progress: None,
            error: None,
            error_code: None,
            tokens_spent: finished.tokens_spent,
            processing_ms: Some(finished.completed_at.ms_since(finished.created_at)),
            result_metadata: finished.metadata.clone(),
            balance_remaining: finished.balance_tokens,
            created_at: finished.created_at,
            completed_at: Some(finished.completed_at),
        }
    }
}

impl From<GenerationView> for GenerationBody {
    fn from(view: GenerationView) -> Self {
        let GenerationView { record, balance_tokens, progress, result_url, thumbnail_url } = view;
        let metadata = record.result_metadata.and_then(|json| serde_json::from_str(&json).ok());
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
            processing_ms: record.completed_at.map(|at| at.ms_since(record.created_at)),
            result_metadata: metadata.unwrap_or_else(|| json!({})),
            balance_remaining: balance_tokens,
            created_at: record.created_at,
            completed_at: record.completed_at,
        }
    }
}
