//! Answering whoever began a generation.

use super::Prefer;
use crate::{error::ApiError, wire::generation::GenerationBody};
use app::{App, Caller, GenerationStatus, GenerationView, Running};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// The result, for whoever waits for it; else 202 and where it will be.
pub(crate) async fn answer(
    app: &App,
    caller: &Caller,
    running: Running,
    prefer: Prefer,
) -> Result<Response, ApiError> {
    let id = running.id;
    if !running.is_async && !prefer.is_async {
        if let Some(finished) = running.finish().await? {
            return Ok(Json(GenerationBody::from(&*finished)).into_response());
        }
        return later(app.generation(caller, id).await?, Prefer::default());
    }
    let view = app.await_generation(caller, id, prefer.wait.unwrap_or_default()).await?;
    match view.record.status {
        GenerationStatus::Completed => {
            Ok((prefer.applied(), Json(GenerationBody::from(view))).into_response())
        }
        // Whoever waited gets the error; for others it is on record.
        GenerationStatus::Failed if prefer.wait.is_some() => Err(ApiError::of_record(&view.record)),
        GenerationStatus::Failed | GenerationStatus::Pending => later(view, prefer),
    }
}

fn later(view: GenerationView, prefer: Prefer) -> Result<Response, ApiError> {
    let location = format!("/api/v2/generate/{}", view.record.id);
    let body = Json(GenerationBody::from(view));
    let mut response = (StatusCode::ACCEPTED, prefer.applied(), body).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
