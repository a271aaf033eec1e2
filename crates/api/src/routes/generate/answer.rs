//! Answering whoever began a generation.

use super::Prefer;
use crate::{error::ApiError, wire::generation::GenerationBody};
use app::{App, Caller, GenerationStatus, GenerationView, Running};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::time::{Duration, Instant};

/// The result, for whoever waits for it; else 202 and where it will be. Says what was done of what the client prefers.
pub(crate) async fn answer(app: &App, caller: &Caller, running: Running, prefer: Prefer) -> Response {
    let mut response = match outcome(app, caller, running, prefer).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    response.headers_mut().extend(prefer.applied());
    response
}

async fn outcome(app: &App, caller: &Caller, running: Running, prefer: Prefer) -> Result<Response, ApiError> {
    let (id, patience, begun_at) = (running.id, running.patience, Instant::now());
    let is_async = running.is_async || prefer.is_async;
    // For what is made at once, clients wait for as long as that takes.
    let wait = prefer.wait.or(is_async.then_some(Duration::ZERO));
    let finished = match wait {
        Some(Duration::ZERO) => None,
        Some(wait) => tokio::time::timeout(wait, running.finish()).await.ok().transpose()?.flatten(),
        None => running.finish().await?,
    };
    if let Some(finished) = finished {
        return Ok(Json(GenerationBody::from(&*finished)).into_response());
    }
    // It goes on, here or as a job whose record tells.
    let left = wait.map_or(patience, |wait| wait.saturating_sub(begun_at.elapsed()));
    let view = app.await_generation(caller, id, left).await?;
    match view.record.status {
        GenerationStatus::Completed => Ok(Json(GenerationBody::from(view)).into_response()),
        // Whoever waited gets the error; for others it is on record.
        GenerationStatus::Failed if prefer.wait.is_some() || !is_async => {
            Err(ApiError::of_record(&view.record))
        }
        GenerationStatus::Failed | GenerationStatus::Pending => Ok(later(view)),
    }
}

fn later(view: GenerationView) -> Response {
    let location = format!("/api/v2/generate/{}", view.record.id);
    let mut response = (StatusCode::ACCEPTED, Json(GenerationBody::from(view))).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
