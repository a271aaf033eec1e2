//! xAI: `POST /chat/completions`.
//!
//! Shapes follow the vendor's documentation and what the service is seen to send.

use super::chat::{
    Abilities, Completion, PARTS, admit_bearer, call_deltas, read_stream, read_wishes, refuse_several,
    whole_calls, with,
};
use crate::{
    answer::{Ask, count_words, pieces},
    conversation::Dialect,
    fields::{self, Object},
    protocol::{Ending, Protocol, Turn, post, with_fallbacks},
    reply::{DONE, Frames, Reply, data},
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

const ABILITIES: Abilities = Abilities { takes_schema: true, needs_word_json: false, max_stops: 4 };

const DIALECT: Dialect = Dialect { roles: &["system", "user", "assistant", "tool"], parts: &PARTS };

const HEADERS: [(&str, &str); 4] = [
    ("x-ratelimit-limit-requests", "480"),
    ("x-ratelimit-limit-tokens", "4000000"),
    ("x-ratelimit-remaining-requests", "479"),
    ("x-ratelimit-remaining-tokens", "3999900"),
];

pub(super) fn routes() -> Router<Arc<Service>> {
    with_fallbacks(Router::new().route("/chat/completions", post(Chat)), |trouble, id| {
        Chat.error(trouble, id)
    })
}

#[derive(Clone, Copy)]
struct Chat;

impl Protocol for Chat {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        let json = fields::parse(body)?;
        let body = Object::at("", &json)?;
        let model = body.require_text("model")?;
        if !model.starts_with("grok-") {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        let said = DIALECT.read(&body, "messages")?;
        refuse_unsupported(&body, model)?;
        body.decimal("temperature", 0.0, 2.0)?;
        body.decimal("top_p", 0.0, 1.0)?;
        refuse_several(&body)?;
        let old_ceiling = body.ceiling("max_tokens", 1)?;
        let wishes = read_wishes(&body, &said, &ABILITIES)?;
        let mut ask = Ask {
            wishes,
            model: model.to_owned(),
            prompt: said.prompt,
            input_words: said.words,
            ceiling: body.ceiling("max_completion_tokens", 1)?.or(old_ceiling),
            thinks: thinks(model),
            ..Ask::default()
        };
        read_stream(&body, &mut ask)?;
        Ok(ask)
    }

    fn answer(&self, turn: &Turn) -> Reply {
        if turn.ending == Ending::Refused {
            return self.error(&Trouble::Refused, &turn.id);
        }
        let completion = Completion {
            id: turn.id.clone(),
            model: served_by(&turn.ask.model),
            system_fingerprint: "fp_9a0c0de5fb",
        };
        if turn.ask.stream {
            return finished(Reply::events(frames(turn, &completion)), &turn.id);
        }
        if turn.ending == Ending::Broken {
            return self.error(&Trouble::Internal, &turn.id).with_status(StatusCode::OK);
        }
        let mut message = json!({"role": "assistant", "content": turn.answer.text, "refusal": null});
        if let Some(calls) = whole_calls(turn) {
            message = with(message, "tool_calls", &calls);
        }
        let body = completion.whole(&message, finish_reason(turn), &usage(turn, turn.answer.words));
        finished(Reply::json(StatusCode::OK, &body), &turn.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        finished(Reply::json(classify(trouble).0, &error_body(trouble)), id)
    }
}

fn finished(reply: Reply, id: &str) -> Reply {
    reply.with_headers(&HEADERS).with_request_id("x-request-id", id)
}

fn thinks(model: &str) -> bool {
    !model.contains("non-reasoning")
}

/// Since its end, another model answers to this one's names.
fn served_by(model: &str) -> &str {
    if model.starts_with("grok-4-fast") { "grok-4.3" } else { model }
}

fn refuse_unsupported(body: &Object<'_>, model: &str) -> Result<(), Trouble> {
    for name in ["presence_penalty", "frequency_penalty", "stop"] {
        if thinks(model) && body.get(name).is_some() {
            return Err(body.wrong(name, Why::NotTaken("")).into());
        }
    }
    let has_effort = body.one_of("reasoning_effort", &["none", "low", "medium", "high"])?.is_some();
    if has_effort && (model == "grok-4" || model.starts_with("grok-4-")) {
        return Err(body.wrong("reasoning_effort", Why::NotTaken("")).into());
    }
    Ok(())
}

fn finish_reason(turn: &Turn) -> &'static str {
    match () {
        () if turn.answer.is_cut => "length",
        () if !turn.answer.calls.is_empty() => "tool_calls",
        () => "stop",
    }
}

/// Usage after so many words. Unlike elsewhere, `completion_tokens` leaves the thinking out, and the total has it in.
fn usage(turn: &Turn, words: usize) -> Value {
    let (input, thinking) = (turn.ask.input_words, turn.answer.thinking_words);
    json!({
        "prompt_tokens": input,
        "completion_tokens": words,
        "total_tokens": input.saturating_add(words).saturating_add(thinking),
        "prompt_tokens_details": {
            "text_tokens": input,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
    })
}

/// Every chunk has the usage so far; the last one counts.
fn frames(turn: &Turn, completion: &Completion<'_>) -> Frames {
    let mut words = 0_usize;
    let mut delta = |piece: &str| {
        words = words.saturating_add(count_words(piece)).min(turn.answer.words);
        let chunk = completion.chunk(&json!({"content": piece}), None);
        data(&with(chunk, "usage", &usage(turn, words)))
    };
    let mut deltas: Vec<Bytes> = pieces(&turn.answer.text).into_iter().map(&mut delta).collect();
    let all = usage(turn, turn.answer.words);
    let calls = call_deltas(turn).into_iter();
    deltas.extend(calls.map(|delta| data(&with(completion.chunk(&delta, None), "usage", &all))));
    let first = completion.chunk(&json!({"role": "assistant", "content": ""}), None);
    let last = completion.chunk(&json!({}), Some(finish_reason(turn)));
    let mut closing = vec![data(&with(last, "usage", &all))];
    if turn.ask.include_usage {
        closing.push(data(&completion.usage_chunk(&all)));
    }
    closing.push(DONE);
    let frames = Frames { opening: vec![data(&with(first, "usage", &usage(turn, 0)))], deltas, closing };
    match turn.ending {
        Ending::Broken => frames.broken_by(data(&error_body(&Trouble::Internal))),
        Ending::Whole | Ending::Refused => frames,
    }
}

/// The native shape: the text of a gRPC status, and a string.
fn error_body(trouble: &Trouble) -> Value {
    json!({"code": classify(trouble).1, "error": message(trouble)})
}

fn classify(trouble: &Trouble) -> (StatusCode, &'static str) {
    const ARGUMENT: &str = "Client specified an invalid argument";
    const PERMISSION: &str = "The caller does not have permission to execute the specified operation";
    const NOT_FOUND: &str = "Some requested entity was not found";
    const EXHAUSTED: &str = "Some resource has been exhausted";
    match trouble {
        Trouble::NoKey => (
            StatusCode::UNAUTHORIZED,
            "The request does not have valid authentication credentials for the operation",
        ),
        Trouble::Invalid(invalid) if invalid.why.is_wrong_form() => {
            (StatusCode::UNPROCESSABLE_ENTITY, ARGUMENT)
        }
        Trouble::BadKey | Trouble::NotJson(_) | Trouble::Invalid(_) => (StatusCode::BAD_REQUEST, ARGUMENT),
        Trouble::NoRoute | Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, NOT_FOUND),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, ARGUMENT),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ARGUMENT),
        Trouble::RateLimited | Trouble::Quota => (StatusCode::TOO_MANY_REQUESTS, EXHAUSTED),
        Trouble::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "The service is currently unavailable"),
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        Trouble::Refused => (StatusCode::FORBIDDEN, PERMISSION),
    }
}

fn message(trouble: &Trouble) -> String {
    let fixed = match trouble {
        Trouble::Invalid(invalid) if invalid.why.is_wrong_form() => {
            return format!("Failed to deserialize the JSON body into the target type: {invalid}");
        }
        Trouble::Invalid(invalid) => return invalid.to_string(),
        Trouble::NotJson(why) => return format!("Failed to parse the request body as JSON: {why}"),
        Trouble::UnknownModel(model) => {
            return format!("The model {model} does not exist or your team does not have access to it.");
        }
        Trouble::NoKey => "No Authorization header, or it is malformed. Send it as Bearer <API key>.",
        Trouble::BadKey => "Incorrect API key provided: ****.",
        Trouble::NoRoute => "The requested path does not exist.",
        Trouble::WrongMethod => "The method is not allowed on this path.",
        Trouble::TooLarge => "The request body is too large.",
        Trouble::RateLimited => "Too many requests for your team. Please slow down.",
        Trouble::Quota => {
            "Your team has either used all available credits or reached its monthly spending limit. To continue \
             making API requests, please purchase more credits or raise your spending limit."
        }
        Trouble::Overloaded => "Service temporarily unavailable. The model is at capacity.",
        Trouble::Internal => "An internal error occurred.",
        Trouble::Refused => {
            "Content violates usage guidelines. Team: sandbox, API key ID: sandbox, Failed check: \
             SAFETY_CHECK_TYPE_BIO"
        }
    };
    fixed.to_owned()
}
