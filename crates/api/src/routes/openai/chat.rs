//! `POST /v1/chat/completions`

mod stream;

use super::{answer, renamed};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    idempotency,
    openapi::{EVENTS, Operation},
    routes::generate::Marks,
    wire::openai::{
        chat::{self, ChatRequest},
        completion::Completion,
    },
};
use app::{App, Awaited, Error};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use serde_json::json;

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let ChatRequest { generate, include_usage, renamed: names } = chat::read(body)?;
    let running = app.generate_once(&caller, generate, key).await;
    let running = running.map_err(|failed| renamed(failed, &names))?;
    let (id, marks) = (running.id, Marks::of(&running));
    if running.is_stream {
        return Ok(answer(id, marks, Ok(stream::events(running, include_usage))));
    }
    let told = match app.outcome(&caller, running, None).await {
        Ok(Awaited::Finished(finished)) => Ok(Json(Completion::from(&*finished))),
        // A repeat whose process ends before the first has.
        Ok(Awaited::Pending(_)) => Err(ApiError::from(Error::OutcomeUnknown).of_generation(id)),
        Err(failed) => Err(failed.into()),
    };
    Ok(answer(id, marks, told))
}

pub(crate) fn operation() -> Operation {
    let body = json!({ "type": "object", "required": ["model", "messages"], "additionalProperties": false, "properties": {
        "model": { "type": "string" },
        "messages": { "type": "array", "minItems": 1, "items": { "type": "object" } },
        "stream": { "type": ["boolean", "null"] },
        "stream_options": { "type": ["object", "null"], "properties": { "include_usage": { "type": "boolean" } } },
        "temperature": { "type": ["number", "null"] }, "top_p": { "type": ["number", "null"] },
        "stop": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }, { "type": "null" }] },
        "max_tokens": { "type": ["integer", "null"] }, "max_completion_tokens": { "type": ["integer", "null"] },
        "tools": { "type": ["array", "null"], "items": { "type": "object" } }, "tool_choice": {},
        "response_format": { "type": ["object", "null"] }, "n": { "type": ["integer", "null"], "enum": [1, null] },
        "user": {}, "metadata": {},
    }});
    let answer = json!({
        "id": "chatcmpl-18473", "object": "chat.completion", "created": 1_795_305_600, "model": "gpt-5",
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": "A boat is a small ship.", "refusal": null },
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16 },
    });
    Operation::new("Complete a conversation")
        .about("As OpenAI's clients ask for it. What cannot be honoured is refused, not ignored.")
        .json_body(
            body,
            json!({ "model": "gpt-5", "messages": [{ "role": "user", "content": "What is a boat?" }] }),
        )
        .idempotent()
        .answers_json(
            200,
            "The answer; chunks of it, with `\"stream\": true`.",
            json!({ "type": "object" }),
            answer,
        )
        .answers_media(200, "", EVENTS, None)
}
