//! `POST /generate/stream`: server-sent events. What is refused before the hold is an ordinary error; after it, events
//! alone say what happens, and `generation_end` comes only once the charge is on disk.

use super::{Marks, request};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Authenticated, JsonObject},
    idempotency,
    openapi::{EVENTS, Operation},
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
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;

/// Asks proxies of the nginx family to pass events on as they come.
pub(crate) const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(crate) async fn stream(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let mut request = request::read(body)?;
    let stream = request.params.insert("stream".to_owned(), Value::Bool(true));
    if !matches!(stream, None | Some(Value::Null | Value::Bool(true))) {
        let error = FieldError::new("stream", "this path always streams").allowing(["true"]);
        request.errors.push(error);
    }
    let running = app.generate_once(&caller, request, key).await?;
    Ok(events(running))
}

/// An event's data. `[DONE]` follows the last one.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventBody<'a> {
    GenerationStart {
        id: GenerationId,
        model: &'a str,
    },
    ContentDelta {
        delta: &'a str,
    },
    GenerationEnd {
        id: GenerationId,
        tokens_spent: i64,
        balance_remaining: i64,
    },
    Error {
        id: GenerationId,
        #[serde(flatten)]
        error: ErrorBody<'a>,
    },
}

/// Where the events are.
enum Stage {
    Start(Running),
    Deltas(Running),
    Done,
    Over,
}

/// The events of a generation that has begun.
pub(super) fn events(running: Running) -> Response {
    let marks = Marks::of(&running);
    let request_id = request_id::current();
    let events = stream::unfold(Stage::Start(running), move |stage| next(stage, request_id.clone()));
    let events = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default());
    let mut response = ([NO_BUFFERING], events).into_response();
    marks.put_on(&mut response);
    response
}

async fn next(stage: Stage, request_id: String) -> Option<(Event, Stage)> {
    match stage {
        Stage::Start(running) => {
            let start = event(&EventBody::GenerationStart { id: running.id, model: &running.model_slug });
            Some((start, Stage::Deltas(running)))
        }
        Stage::Deltas(mut running) => match running.next_delta().await {
            Some(delta) => Some((event(&EventBody::ContentDelta { delta: &delta }), Stage::Deltas(running))),
            None => Some((end(running, request_id).await, Stage::Done)),
        },
        Stage::Done => Some((Event::default().data("[DONE]"), Stage::Over)),
        Stage::Over => None,
    }
}

async fn end(running: Running, request_id: String) -> Event {
    let id = running.id;
    match running.finish().await {
        Ok(Some(finished)) => event(&EventBody::GenerationEnd {
            id,
            tokens_spent: finished.tokens_spent,
            balance_remaining: finished.balance_tokens,
        }),
        // A repeat whose process ends before the first has.
        Ok(None) => {
            let error = ApiError::from(Error::OutcomeUnknown).of_generation(id);
            event(&EventBody::Error { id, error: error.body() })
        }
        Err(failed) => {
            let mut error = ApiError::from(failed.error).of_generation(id);
            if error.code == "internal_error" {
                // Events are sent after the request's own scope has ended, so its name is brought along.
                error.message = request_id;
            }
            event(&EventBody::Error { id, error: error.body() })
        }
    }
}

fn event(body: &EventBody<'_>) -> Event {
    // Strings and numbers in a struct of ours always become JSON.
    Event::default().json_data(body).unwrap_or_default()
}

/// A short stream, for the documentation.
pub(super) const EXAMPLE: &str = "data: {\"type\":\"generation_start\",\"id\":18473,\"model\":\"gpt-5\"}\n\n\
    data: {\"type\":\"content_delta\",\"delta\":\"A boat\"}\n\n\
    data: {\"type\":\"generation_end\",\"id\":18473,\"tokens_spent\":2,\"balance_remaining\":281}\n\n\
    data: [DONE]\n\n";

pub(crate) fn operation() -> Operation {
    Operation::new("Generate, and read the text as it comes")
        .about(
            "Text models only. What is refused before the hold is an ordinary error. Then events: `generation_start`, \
             `content_delta`…, and `generation_end` once the charge is durable, or `error`, which says that nothing was charged; \
             `[DONE]` is last.",
        )
        .json_body(
            json!({ "$ref": "#/components/schemas/GenerateRequest" }),
            json!({ "model": "gpt-5", "prompt": "What is a boat?" }),
        )
        .idempotent()
        .answers_media(200, "Server-sent events.", EVENTS, Some(EXAMPLE))
}
