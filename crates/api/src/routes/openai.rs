//! The face in OpenAI's shape: the same keys, use-cases and ledger behind other words.

pub(crate) mod chat;
pub(crate) mod images;
pub(crate) mod models;
pub(crate) mod speech;
pub(crate) mod transcriptions;

use crate::error::ApiError;
use app::{App, Caller, Error, FailedGeneration, GenerateRequest, GenerationStatus, GenerationView};
use axum::http::HeaderMap;
use domain::{catalog::Category, params::FieldError};

/// Refuses a model that this route does not have. Without it, another could be made to do what it is not there for.
fn require_category(app: &App, slug: &str, category: Category) -> Result<(), ApiError> {
    if app.model(slug)?.category == category {
        return Ok(());
    }
    Err(ApiError::field(FieldError::new("model", format!("{slug} is no model for this endpoint"))))
}

/// A client that names its request relies on that, and this face does not keep such names: better no than a second charge.
fn refuse_idempotency_key(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key("idempotency-key") {
        return Err(ApiError::bad_request("Idempotency-Key is taken under /api/v2 only"));
    }
    Ok(())
}

/// What a use-case says is wrong, under the names by which the client knows the fields. `names` are ours and theirs.
fn renamed(mut failed: FailedGeneration, names: &[(&str, &str)]) -> FailedGeneration {
    if let Error::Validation(fields) = &mut failed.error {
        for field in fields {
            if let Some((_, theirs)) = names.iter().find(|(ours, _)| *ours == field.field) {
                (*theirs).clone_into(&mut field.field);
            }
        }
    }
    failed
}

/// Generates what is no conversation, and waits for it.
async fn generate(
    app: &App,
    caller: &Caller,
    request: GenerateRequest,
    names: &[(&str, &str)],
) -> Result<GenerationView, ApiError> {
    let running = app.generate(caller, request).await.map_err(|failed| renamed(failed, names))?;
    let view = app.finish_in_time(caller, running).await?;
    match view.record.status {
        GenerationStatus::Completed => Ok(view),
        GenerationStatus::Failed | GenerationStatus::Pending => Err(ApiError::of_record(&view.record)),
    }
}

/// A fault of ours: a model that makes files has made none.
fn without_file(view: &GenerationView) -> ApiError {
    let error = Error::Internal("a generation of a file has none".to_owned());
    ApiError::from(error).of_generation(view.record.id)
}
