//! DeepSeek: `POST /chat/completions`.
//!
//! The vendor publishes no description; shapes follow its documentation and what the service is seen to send.

use super::chat::{
    Abilities, Completion, PARTS, admit_bearer, call_deltas, read_stream, read_wishes, whole_calls, with,
};
use crate::{
    answer::{Ask, pieces},
    conversation::Dialect,
    fields::{self, Object},
    protocol::{Ending, Protocol, Turn, post, with_fallbacks},
    reply::{DONE, Frames, Payload, Reply, data},
    service::Service,
    trouble::{Trouble, Why},
};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

const DIALECT: Dialect = Dialect { roles: &["system", "user", "assistant", "tool"], parts: &PARTS };

const ABILITIES: Abilities = Abilities { takes_schema: false, needs_word_json: true, max_stops: 16 };

/// What the service sends while a request waits for its turn.
const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

pub(super) fn routes() -> Router<Arc<Service>> {
    // `/v1` is accepted and means nothing.
    let router =
        Router::new().route("/chat/completions", post(Chat)).route("/v1/chat/completions", post(Chat));
    with_fallbacks(router, |trouble, id| Chat.error(trouble, id))
}

#[derive(Clone, Copy)]
struct Chat;

impl Protocol for Chat {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    /// Unknown fields are ignored, as the service does.
    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        let json = fields::parse(body)?;
        let body = Object::at("", &json)?;
        let model = body.require_text("model")?;
        let said = DIALECT.read(&body, "messages")?;
        let thinking = body.object("thinking")?;
        let switch = thinking.map(|it| it.one_of("type", &["enabled", "disabled"])).transpose()?.flatten();
        let thinks = switch.map_or(model != "deepseek-chat", |switch| switch == "enabled");
        body.decimal("temperature", 0.0, 2.0)?;
        body.decimal("top_p", 0.0, 1.0)?;
        if thinks && body.flag("logprobs")? {
            return Err(body.wrong("logprobs", Why::NotTaken("")).into());
        }
        if !model.starts_with("deepseek-") {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        if thinks {
            require_thoughts(&body)?;
        }
        let wishes = read_wishes(&body, &said, &ABILITIES)?;
        let mut ask = Ask {
            wishes,
            model: model.to_owned(),
            prompt: said.prompt,
            input_words: said.words,
            ceiling: body.ceiling("max_tokens", 1)?,
            thinks,
            ..Ask::default()
        };
        read_stream(&body, &mut ask)?;
        Ok(ask)
    }

    fn answer(&self, turn: &Turn) -> Reply {
        if turn.ending == Ending::Refused {
            return self.error(&Trouble::Refused, &turn.id);
        }
        let completion =
            Completion { id: turn.id.clone(), model: &turn.ask.model, system_fingerprint: "fp_d5ee9bc0de" };
        if turn.ask.stream {
            return Reply::events(frames(turn, &completion));
        }
        let mut message = json!({
            "role": "assistant",
            "content": turn.answer.text,
            "reasoning_content": thinking(turn),
        });
        if let Some(calls) = whole_calls(turn) {
            message = with(message, "tool_calls", &calls);
        }
        let body = completion.whole(&message, finish_reason(turn), &usage(turn));
        with_blank_lines(Reply::json(StatusCode::OK, &body))
    }

    fn error(&self, trouble: &Trouble, _: &str) -> Reply {
        let (status, kind) = classify(trouble);
        let body = json!({"error": {
            "message": message(trouble),
            "type": kind,
            "param": null,
            "code": "invalid_request_error",
        }});
        Reply::json(status, &body)
    }
}

/// While it thinks, the service wants what it thought before it called a function back with what that gave.
fn require_thoughts(body: &Object<'_>) -> Result<(), Trouble> {
    let has = |message: &Value, name: &str| message.get(name).is_some_and(|value| !value.is_null());
    let is_thoughtless = |message: &Value| has(message, "tool_calls") && !has(message, "reasoning_content");
    if !body.require_list("messages")?.iter().any(is_thoughtless) {
        return Ok(());
    }
    let message = "Missing `reasoning_content` field in an assistant message with tool calls.";
    Err(body.wrong("messages", Why::Other(message.to_owned())).into())
}

/// While a request waits, the service writes empty lines before the body.
fn with_blank_lines(mut reply: Reply) -> Reply {
    if let Payload::Whole(bytes) = &mut reply.body {
        *bytes = Bytes::from([b"\n\n", bytes.as_ref()].concat());
    }
    reply
}

fn thinking(turn: &Turn) -> Option<&str> {
    Some(turn.answer.thinking.as_str()).filter(|thinking| !thinking.is_empty())
}

/// This vendor has a reason of its own for breaking off, and calls it a success.
fn finish_reason(turn: &Turn) -> &'static str {
    match turn.ending {
        Ending::Broken => "insufficient_system_resource",
        _ if turn.answer.is_cut => "length",
        _ if !turn.answer.calls.is_empty() => "tool_calls",
        Ending::Whole | Ending::Refused => "stop",
    }
}

fn usage(turn: &Turn) -> Value {
    let (input, output) = (turn.ask.input_words, turn.all_output_words());
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": {"cached_tokens": 0},
        "prompt_cache_hit_tokens": 0,
        "prompt_cache_miss_tokens": input,
        "completion_tokens_details": {"reasoning_tokens": turn.answer.thinking_words},
    })
}

fn frames(turn: &Turn, completion: &Completion<'_>) -> Frames {
    let chunk = |delta: &Value| data(&completion.chunk(delta, None));
    let mut opening = vec![KEEP_ALIVE, chunk(&json!({"role": "assistant", "content": ""}))];
    for piece in pieces(&turn.answer.thinking) {
        opening.push(chunk(&json!({"content": null, "reasoning_content": piece})));
    }
    let delta = |piece: &str| match thinking(turn) {
        Some(_) => chunk(&json!({"content": piece, "reasoning_content": null})),
        None => chunk(&json!({"content": piece})),
    };
    let mut deltas: Vec<Bytes> = pieces(&turn.answer.text).into_iter().map(delta).collect();
    deltas.extend(call_deltas(turn).iter().map(chunk));
    if turn.ending == Ending::Broken {
        deltas.truncate(deltas.len().div_ceil(2));
    }
    // The chunk that ends the answer has the usage too, asked for or not: a reader must not count it twice.
    let last = completion.chunk(&json!({"content": ""}), Some(finish_reason(turn)));
    let mut closing = vec![data(&with(last, "usage", &usage(turn)))];
    if turn.ask.include_usage {
        closing.push(data(&completion.usage_chunk(&usage(turn))));
    }
    closing.push(DONE);
    Frames { opening, deltas, closing }
}

fn classify(trouble: &Trouble) -> (StatusCode, &'static str) {
    const REQUEST: &str = "invalid_request_error";
    match trouble {
        Trouble::NoKey | Trouble::BadKey => (StatusCode::UNAUTHORIZED, "authentication_error"),
        Trouble::NoRoute => (StatusCode::NOT_FOUND, REQUEST),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, REQUEST),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST),
        Trouble::NotJson(_) | Trouble::UnknownModel(_) | Trouble::Refused => {
            (StatusCode::BAD_REQUEST, REQUEST)
        }
        Trouble::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, REQUEST),
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        Trouble::Quota => (StatusCode::PAYMENT_REQUIRED, "unknown_error"),
        Trouble::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable_error"),
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

fn message(trouble: &Trouble) -> String {
    let fixed = match trouble {
        Trouble::Invalid(invalid) => {
            return format!("Failed to deserialize the JSON body into the target type: {invalid}");
        }
        Trouble::NotJson(why) => return format!("Failed to parse the request body as JSON: {why}"),
        Trouble::UnknownModel(_) => "Model Not Exist",
        Trouble::NoKey => "Authentication Fails (auth header format should be Bearer sk-...)",
        Trouble::BadKey => "Authentication Fails, Your api key: **** is invalid",
        Trouble::NoRoute => "Not Found",
        Trouble::WrongMethod => "Method Not Allowed",
        Trouble::TooLarge => "Request body too large",
        Trouble::RateLimited => "Rate limit reached",
        Trouble::Quota => "Insufficient Balance",
        Trouble::Overloaded => "Service is too busy. Please try again later.",
        Trouble::Internal => "Internal Server Error",
        Trouble::Refused => "Content Exists Risk",
    };
    fixed.to_owned()
}
