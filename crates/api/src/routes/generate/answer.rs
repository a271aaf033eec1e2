//! Answering whoever began a generation.

use super::Prefer;
use crate::{error::ApiError, idempotency, limits::Known, wire::generation::GenerationBody};
use app::{App, Awaited, Caller, Replay, Running};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{id::GenerationId, ledger::RateState};
use std::time::Duration;

/// What an answer says of how its generation began, whatever came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    rate: Option<RateState>,
    replay: Option<Replay>,
}

impl Marks {
    pub(crate) fn of(running: &Running) -> Self {
        Self { rate: running.start.rate, replay: running.replay }
    }

    /// An error as it is told here, for the first time or again.
    pub(crate) fn on_error(self, error: ApiError) -> ApiError {
        if self.replay.is_some() { error.told_again() } else { error }
    }

    pub(crate) fn put_on(self, response: &mut Response) {
        if self.replay.is_some() {
            idempotency::mark_replayed(response.headers_mut());
        } else {
            response.extensions_mut().insert(Known(self.rate));
        }
    }
}

/// The result, for whoever waits for it; else 202 and where it will be. Says what was done of what the client prefers. A
/// repeat is answered as the first one is, whatever it prefers.
pub(crate) async fn answer(app: &App, caller: &Caller, running: Running, prefer: Prefer) -> Response {
    let marks = Marks::of(&running);
    let wait = running.replay.map_or(prefer.patience(), |replay| replay.wait);
    let mut response = match outcome(app, caller, running, wait).await {
        Ok(response) => response,
        Err(error) => marks.on_error(error).into_response(),
    };
    if wait == prefer.patience() {
        response.headers_mut().extend(prefer.applied());
    }
    marks.put_on(&mut response);
    response
}

async fn outcome(
    app: &App,
    caller: &Caller,
    running: Running,
    wait: Option<Duration>,
) -> Result<Response, ApiError> {
    // For what is made at once, clients wait for as long as that takes.
    let wait = wait.or(running.is_async.then_some(Duration::ZERO));
    let id = running.id;
    if wait == Some(Duration::ZERO) {
        return Ok(later(id, GenerationBody::begun(&running)));
    }
    Ok(match app.outcome(caller, running, wait).await? {
        Awaited::Finished(finished) => Json(GenerationBody::from(&*finished)).into_response(),
        Awaited::Pending(view) => later(id, GenerationBody::from(*view)),
    })
}

fn later(id: GenerationId, body: GenerationBody) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v2/generate/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
