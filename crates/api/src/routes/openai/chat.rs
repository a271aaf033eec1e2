//! `POST /v1/chat/completions`

mod stream;

use super::{refuse_idempotency_key, renamed, require_category};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    wire::openai::{
        chat::{self, ChatRequest},
        completion::Completion,
        generation_header,
    },
};
use app::{App, Error, FailedGeneration};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{catalog::Category, id::GenerationId};

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    refuse_idempotency_key(&headers)?;
    let ChatRequest { generate, include_usage, renamed: names } = chat::read(body)?;
    require_category(&app, &generate.model, Category::Text)?;
    let running = app.generate(&caller, generate).await;
    let running = running.map_err(|failed| renamed(failed, &names))?;
    let (id, header) = (running.id, generation_header(running.id));
    if running.is_stream {
        let created_at = app.clock().now();
        return Ok((header, stream::events(running, created_at, include_usage)).into_response());
    }
    match running.finish().await? {
        Some(finished) => Ok((header, Json(Completion::from(&*finished))).into_response()),
        None => Err(became_job(Some(id)).into()),
    }
}

/// No text model runs as a job.
fn became_job(generation_id: Option<GenerationId>) -> FailedGeneration {
    FailedGeneration { generation_id, error: Error::Internal("a conversation became a job".to_owned()) }
}
