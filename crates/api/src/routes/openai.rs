//! The face in OpenAI's shape: the same keys, use-cases and ledger behind other words.

pub(crate) mod chat;
pub(crate) mod images;
pub(crate) mod models;
pub(crate) mod speech;
pub(crate) mod transcriptions;

use super::generate::Marks;
use crate::{error::ApiError, wire::openai::generation_header};
use app::{App, Caller, Error, FailedGeneration, Finished, GenerateRequest, IdempotencyKey};
use axum::response::{IntoResponse, Response};
use domain::id::GenerationId;
use std::sync::Arc;

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

/// Generates what is no conversation, waits for it, and has it told.
async fn generate<T: IntoResponse>(
    app: &App,
    caller: &Caller,
    (request, key): (GenerateRequest, Option<IdempotencyKey>),
    names: &[(&str, &str)],
    tell: impl AsyncFnOnce(Arc<Finished>) -> Result<T, ApiError>,
) -> Result<Response, ApiError> {
    let running = app.generate_once(caller, request, key).await.map_err(|failed| renamed(failed, names))?;
    let (id, marks) = (running.id, Marks::of(&running));
    let told = match app.finish_in_time(caller, running).await {
        Ok(finished) => tell(finished).await.map_err(|error| error.of_generation(id).for_good()),
        Err(failed) => Err(failed.into()),
    };
    Ok(answer(id, marks, told))
}

/// An answer, good or bad, with what is known of the generation behind it.
fn answer(id: GenerationId, marks: Marks, told: Result<impl IntoResponse, ApiError>) -> Response {
    let mut response = match told {
        Ok(told) => (generation_header(id), told).into_response(),
        Err(error) => marks.on_error(error).into_response(),
    };
    marks.put_on(&mut response);
    response
}

/// The name of the file that was made. Without one it is a fault of ours: a model that makes files has made none.
fn file_of(finished: &Finished) -> Result<&str, ApiError> {
    let missing = || Error::Internal("a generation of a file has none".to_owned());
    Ok(finished.result_file.as_deref().ok_or_else(missing)?)
}

/// What stands in the way of a file that was made and charged. It may pass, and is at its own address then.
fn unread(error: Error, id: GenerationId) -> ApiError {
    tracing::warn!(generation_id = id.0, %error, "the file of a generation cannot be read");
    ApiError::from(Error::OutcomeUnknown).of_generation(id)
}
