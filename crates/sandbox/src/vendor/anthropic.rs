//! Anthropic: `POST /v1/messages`.
//!
//! Shapes follow the vendor's published OpenAPI description; the wording of errors is what the service is seen to say.

mod error;
mod tools;

use self::error::{classify, error_body};
use super::{CREATED_RFC3339, chat::with};
use crate::{
    answer::{Ask, count_words, pieces},
    conversation::{Dialect, Part, silent_part, text_part},
    fields::{self, Object},
    protocol::{Ending, Protocol, Turn, post, with_fallbacks},
    reply::{Frames, Reply, event},
    service::Service,
    trouble::{Invalid, Trouble, Why},
};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};
use std::sync::Arc;

const DIALECT: Dialect = Dialect {
    roles: &["user", "assistant"],
    parts: &[
        Part { kind: "text", read: text_part },
        Part { kind: "image", read: image_part },
        Part { kind: "document", read: silent_part },
        Part { kind: "tool_use", read: tools::use_part },
        Part { kind: "tool_result", read: tools::result_part },
        Part { kind: "thinking", read: silent_part },
        Part { kind: "redacted_thinking", read: silent_part },
    ],
};

/// What the published description allows at the top level.
const FIELDS: [&str; 18] = [
    "cache_control",
    "container",
    "inference_geo",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Aliases with the ids that answer to them.
const SNAPSHOTS: [(&str, &str); 3] = [
    ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-opus-4-5", "claude-opus-4-5-20251101"),
];

const HEADERS: [(&str, &str); 12] = [
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", CREATED_RFC3339),
    ("anthropic-ratelimit-tokens-limit", "2400000"),
    ("anthropic-ratelimit-tokens-remaining", "2399000"),
    ("anthropic-ratelimit-tokens-reset", CREATED_RFC3339),
    ("anthropic-ratelimit-input-tokens-limit", "2000000"),
    ("anthropic-ratelimit-input-tokens-remaining", "1999000"),
    ("anthropic-ratelimit-input-tokens-reset", CREATED_RFC3339),
    ("anthropic-ratelimit-output-tokens-limit", "400000"),
    ("anthropic-ratelimit-output-tokens-remaining", "399000"),
    ("anthropic-ratelimit-output-tokens-reset", CREATED_RFC3339),
];

pub(super) fn routes() -> Router<Arc<Service>> {
    with_fallbacks(Router::new().route("/v1/messages", post(Messages)), |trouble, id| {
        Messages.error(trouble, id)
    })
}

#[derive(Clone, Copy)]
struct Messages;

impl Protocol for Messages {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        if headers.get("x-api-key").is_none_or(|key| key.as_bytes().trim_ascii().is_empty()) {
            return Err(Trouble::NoKey);
        }
        if headers.contains_key("anthropic-version") {
            return Ok(());
        }
        let why = Why::Other("anthropic-version: header is required".to_owned());
        Err(Invalid::new("anthropic-version", why).into())
    }

    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        let json = fields::parse(body)?;
        let body = Object::at("", &json)?;
        body.only(&FIELDS)?;
        let model = body.require_text("model")?;
        body.require("max_tokens")?;
        let ceiling = body.ceiling("max_tokens", 1)?;
        body.require("messages")?;
        refuse_system_role(&body)?;
        let mut said = DIALECT.read(&body, "messages")?;
        let results = tools::check_order(&body)?;
        if let Some(results) = &results {
            said.hear_result(results);
        }
        let system = match body.get("system") {
            Some(_) => count_words(&DIALECT.content(&body, "system")?),
            None => 0,
        };
        refuse_sampling(&body, model)?;
        // An id has hyphens only; the service does not know one written with a dot.
        if !model.starts_with("claude-") || model.contains('.') {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        Ok(Ask {
            model: model.to_owned(),
            prompt: said.prompt,
            input_words: said.words.saturating_add(system),
            ceiling,
            stream: body.flag("stream")?,
            wishes: tools::read_wishes(&body, said.has_results)?,
            ..Ask::default()
        })
    }

    fn answer(&self, turn: &Turn) -> Reply {
        let reply = match (turn.ask.stream, turn.ending) {
            (true, _) => Reply::events(frames(turn)),
            (false, Ending::Broken) => {
                return self.error(&Trouble::Overloaded, &turn.id).with_status(StatusCode::OK);
            }
            (false, Ending::Whole | Ending::Refused) => {
                let content = match tools::calls(turn) {
                    calls if calls.is_empty() => {
                        json!([{"type": "text", "text": said(turn), "citations": null}])
                    }
                    calls => json!(calls),
                };
                Reply::json(StatusCode::OK, &message(turn, &content, true))
            }
        };
        finished(reply, &turn.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        let (status, _) = classify(trouble);
        let reply = finished(Reply::json(status, &error_body(trouble, id)), id);
        if matches!(trouble, Trouble::RateLimited) {
            reply.with_headers(&[("retry-after", "1")])
        } else {
            reply
        }
    }
}

/// `base64` or `url`, as documented.
fn image_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    let source = part.object("source")?.ok_or_else(|| part.wrong("source", Why::Missing))?;
    source.require_text("type")?;
    match source.one_of("type", &["base64", "url", "file"])? {
        Some("base64") => {
            source.require_text("media_type")?;
            source.one_of("media_type", &["image/jpeg", "image/png", "image/gif", "image/webp"])?;
            source.require_text("data")?;
        }
        Some("url") => super::chat::check_image_url(&source, "url")?,
        _ => {}
    }
    Ok("")
}

/// The commonest mistake of those who come from other vendors has an answer of its own.
fn refuse_system_role(body: &Object<'_>) -> Result<(), Invalid> {
    let is_system = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("system");
    if body.require_list("messages")?.iter().find(is_system).is_none() {
        return Ok(());
    }
    let message = "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, \
                   not \"system\" as an input message role.";
    Err(body.wrong("messages", Why::Other(message.to_owned())))
}

fn refuse_sampling(body: &Object<'_>, model: &str) -> Result<(), Invalid> {
    let temperature = body.decimal("temperature", 0.0, 1.0)?;
    let top_p = body.decimal("top_p", 0.0, 1.0)?;
    if temperature.is_none() || top_p.is_none() || !model.contains("-4-5") {
        return Ok(());
    }
    let message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
    Err(body.wrong("top_p", Why::Other(message.to_owned())))
}

fn finished(reply: Reply, id: &str) -> Reply {
    reply.with_headers(&HEADERS).with_request_id("request-id", &request_id(id))
}

fn request_id(id: &str) -> String {
    format!("req_{id}")
}

/// What is said; a refusal comes after part of it.
fn said(turn: &Turn) -> String {
    let pieces = pieces(&turn.answer.text);
    let count = match turn.ending {
        Ending::Refused => pieces.len().div_ceil(2),
        Ending::Whole | Ending::Broken => pieces.len(),
    };
    pieces.into_iter().take(count).collect()
}

/// Words of what is said, or of what functions are called with.
fn spoken_words(turn: &Turn) -> usize {
    if turn.answer.calls.is_empty() { count_words(&said(turn)) } else { turn.answer.words }
}

fn stop_reason(turn: &Turn) -> &'static str {
    match turn.ending {
        Ending::Refused => "refusal",
        _ if turn.answer.is_cut => "max_tokens",
        _ if !turn.answer.calls.is_empty() => "tool_use",
        Ending::Whole | Ending::Broken => "end_turn",
    }
}

fn stop_details(turn: &Turn) -> Option<Value> {
    (turn.ending == Ending::Refused).then(|| {
        json!({
            "type": "refusal",
            "category": null,
            "explanation": "The request was declined because it may violate the usage policy.",
        })
    })
}

/// The message, finished or just begun.
fn message(turn: &Turn, content: &Value, is_finished: bool) -> Value {
    let model = &turn.ask.model;
    let snapshot = SNAPSHOTS.iter().find(|(alias, _)| alias == model).map(|(_, id)| *id);
    let output_words = if is_finished { spoken_words(turn) } else { 1 };
    json!({
        "id": format!("msg_{}", turn.id),
        "type": "message",
        "role": "assistant",
        "model": snapshot.unwrap_or(model),
        "content": content,
        "container": null,
        "stop_reason": is_finished.then(|| stop_reason(turn)),
        "stop_sequence": null,
        "stop_details": stop_details(turn).filter(|_| is_finished),
        "usage": with(usage(turn, output_words), "service_tier", &json!("standard")),
    })
}

fn usage(turn: &Turn, output_words: usize) -> Value {
    json!({
        "input_tokens": turn.ask.input_words,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_words,
        "inference_geo": "not_available",
    })
}

fn frames(turn: &Turn) -> Frames {
    let stop = json!({
        "stop_reason": stop_reason(turn),
        "stop_sequence": null,
        "stop_details": stop_details(turn),
        "container": null,
    });
    let usage = usage(turn, spoken_words(turn));
    let end =
        [json!({"type": "message_delta", "delta": stop, "usage": usage}), json!({"type": "message_stop"})];
    let start = event(&json!({"type": "message_start", "message": message(turn, &json!([]), false)}));
    let ping = event(&json!({"type": "ping"}));
    let text = said(turn);
    let frames = if turn.answer.calls.is_empty() {
        let delta = |piece: &str| {
            let delta = json!({"type": "text_delta", "text": piece});
            event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
        };
        let block = json!({"type": "text", "text": "", "citations": null});
        let begun = event(&json!({"type": "content_block_start", "index": 0, "content_block": block}));
        let stop = json!({"type": "content_block_stop", "index": 0});
        Frames {
            opening: vec![start, begun, ping],
            deltas: pieces(&text).into_iter().map(delta).collect(),
            closing: std::iter::once(stop).chain(end).map(|json| event(&json)).collect(),
        }
    } else {
        let deltas = tools::call_events(turn).iter().map(event).collect();
        Frames { opening: vec![start, ping], deltas, closing: end.iter().map(event).collect() }
    };
    match turn.ending {
        Ending::Broken => frames.broken_by(event(&error_body(&Trouble::Overloaded, &turn.id))),
        Ending::Whole | Ending::Refused => frames,
    }
}
