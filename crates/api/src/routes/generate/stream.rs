//! `POST /generate/stream`: server-sent events. What is refused before the hold is an ordinary error; after it, events
//! alone say what happens, and `generation_end` comes only once the charge is on disk.

use super::request;
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    request_id,
};
use app::{App, Error, Running};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{id::GenerationId, params::FieldError};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use std::convert::Infallible;

/// Asks proxies of the nginx family to pass events on as they come.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(crate) async fn stream(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(mut body): JsonObject,
) -> Result<Response, ApiError> {
    if body.get("stream").is_some_and(|stream| *stream == Value::Bool(false)) {
        let error = FieldError::new("stream", "this path always streams").allowing(["true"]);
        return Err(ApiError::field(error));
    }
    body.insert("stream".to_owned(), Value::Bool(true));
    let request = request::read(&headers, body)?;
    let running = app.generate(&caller, request).await?;
    Ok(events(running).into_response())
}

/// Where the events are.
enum Stage {
    Start(Running),
    Deltas(Running),
    Done,
    Over,
}

/// The events of a generation that has begun.
pub(super) fn events(running: Running) -> impl IntoResponse {
    let request_id = request_id::current();
    let events = stream::unfold(Stage::Start(running), move |stage| next(stage, request_id.clone()));
    ([NO_BUFFERING], Sse::new(always_ok(events)).keep_alive(KeepAlive::default()))
}

fn always_ok(events: impl Stream<Item = Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    use futures_util::StreamExt;
    events.map(Ok)
}

async fn next(stage: Stage, request_id: String) -> Option<(Event, Stage)> {
    match stage {
        Stage::Start(running) => {
            let start = json!({ "type": "generation_start", "id": running.id, "model": running.model_slug });
            Some((event(&start), Stage::Deltas(running)))
        }
        Stage::Deltas(mut running) => match running.next_delta().await {
            Some(delta) => {
                let delta = json!({ "type": "content_delta", "delta": delta });
                Some((event(&delta), Stage::Deltas(running)))
            }
            None => Some((end(running, request_id).await, Stage::Done)),
        },
        Stage::Done => Some((Event::default().data("[DONE]"), Stage::Over)),
        Stage::Over => None,
    }
}

async fn end(running: Running, request_id: String) -> Event {
    let id = running.id;
    let body = match running.finish().await {
        Ok(finished) => json!({
            "type": "generation_end",
            "id": id,
            "tokens_spent": finished.tokens_spent,
            "balance_remaining": finished.balance_tokens,
        }),
        Err(failed) => error_event(id, failed.error, request_id),
    };
    event(&body)
}

fn error_event(id: GenerationId, error: Error, request_id: String) -> Value {
    let is_internal = matches!(error, Error::Internal(_));
    let mut error = ApiError::from(error).of_generation(id);
    if is_internal {
        error.message = request_id;
    }
    let mut body = error.to_json();
    body["type"] = json!("error");
    body["id"] = json!(id);
    body
}

fn event(body: &Value) -> Event {
    Event::default().data(body.to_string())
}
