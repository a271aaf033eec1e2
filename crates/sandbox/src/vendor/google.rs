//! Google Gemini: `generateContent`, whole and as a stream.
//!
//! Shapes follow the vendor's published v1beta description; framing and the wording of errors are what the service is
//! seen to send.

mod error;
mod request;
mod tools;

use crate::{
    answer::{Ask, pieces},
    protocol::{Body, Ending, Protocol, Turn, serve, with_fallbacks},
    reply::{Frames, Reply},
    service::Service,
    trouble::Trouble,
};
use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Service>> {
    // `model:method` is one segment of the path.
    let router =
        Router::new().route("/v1beta/models/{call}", post(call)).route("/v1/models/{call}", post(call));
    with_fallbacks(router, |trouble, id| Generate::NOWHERE.error(trouble, id))
}

async fn call(
    service: State<Arc<Service>>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query = query.unwrap_or_default();
    let has = |wanted: &str| query.split('&').any(|pair| pair.starts_with(wanted));
    let (model, method) = call.rsplit_once(':').unwrap_or((&call, ""));
    let method = match method {
        "generateContent" => Method::Whole,
        "streamGenerateContent" if has("alt=sse") => Method::Stream,
        "streamGenerateContent" => Method::Array,
        _ => Method::Unknown,
    };
    // A key in the query is as good as one in the header, to the vendor.
    let generate = Generate { model, method, has_query_key: has("key=") };
    serve(&service, &generate, &headers, body).await
}

/// What is called on a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Whole,
    Stream,
    /// A stream as one JSON array, which the sandbox does not speak.
    Array,
    Unknown,
}

/// One call on a model.
#[derive(Clone, Copy)]
struct Generate<'a> {
    model: &'a str,
    method: Method,
    has_query_key: bool,
}

impl Generate<'static> {
    /// For paths that lead nowhere.
    const NOWHERE: Self = Self { model: "", method: Method::Unknown, has_query_key: false };
}

impl Protocol for Generate<'_> {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        let has_key =
            headers.get("x-goog-api-key").is_some_and(|key| !key.as_bytes().trim_ascii().is_empty());
        if has_key || self.has_query_key { Ok(()) } else { Err(Trouble::NoKey) }
    }

    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        match self.method {
            Method::Whole | Method::Stream => {}
            Method::Array => return Err(request::array_refusal()),
            Method::Unknown => return Err(Trouble::NoRoute),
        }
        if !self.model.starts_with("gemini-") {
            return Err(Trouble::UnknownModel(self.model.to_owned()));
        }
        let ask = request::read(body, self.model)?;
        Ok(Ask { stream: self.method == Method::Stream, ..ask })
    }

    fn answer(&self, turn: &Turn) -> Reply {
        match (turn.ask.stream, turn.ending) {
            (true, _) => Reply::events(frames(turn)),
            (false, Ending::Whole) => Reply::json(StatusCode::OK, &whole(turn)),
            (false, Ending::Refused) => Reply::json(StatusCode::OK, &blocked(turn)),
            (false, Ending::Broken) => self.error(&Trouble::Overloaded, &turn.id).with_status(StatusCode::OK),
        }
    }

    fn error(&self, trouble: &Trouble, _: &str) -> Reply {
        let (status, body) = error::error(trouble);
        Reply::json(status, &body)
    }
}

/// Any answer: candidates or feedback, and what goes with them.
fn response(turn: &Turn, name: &str, value: &Value, usage: &Value) -> Value {
    json!({
        name: value,
        "usageMetadata": usage,
        "modelVersion": turn.ask.model,
        "responseId": turn.id,
    })
}

fn candidates(parts: &Value, finish_reason: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if let (Some(finish_reason), Some(map)) = (finish_reason, candidate.as_object_mut()) {
        map.insert("finishReason".to_owned(), json!(finish_reason));
    }
    json!([candidate])
}

fn text_parts(text: &str) -> Value {
    json!([{"text": text}])
}

fn finish_reason(turn: &Turn) -> &'static str {
    if turn.answer.is_cut { "MAX_TOKENS" } else { "STOP" }
}

fn whole(turn: &Turn) -> Value {
    let parts = match tools::calls(turn) {
        calls if calls.is_empty() => text_parts(&turn.answer.text),
        calls => json!(calls),
    };
    let candidates = candidates(&parts, Some(finish_reason(turn)));
    response(turn, "candidates", &candidates, &usage(turn, turn.answer.words))
}

/// A refused prompt: HTTP 200, and no candidates.
fn blocked(turn: &Turn) -> Value {
    let usage = json!({"promptTokenCount": turn.ask.input_words, "totalTokenCount": turn.ask.input_words});
    response(turn, "promptFeedback", &json!({"blockReason": "SAFETY"}), &usage)
}

/// Counts so far. Thinking stands beside the candidates, not inside; a count of zero is left out.
fn usage(turn: &Turn, words: usize) -> Value {
    let (input, thinking) = (turn.ask.input_words, turn.answer.thinking_words);
    let counts = [
        ("promptTokenCount", input),
        ("candidatesTokenCount", words),
        ("thoughtsTokenCount", thinking),
        ("totalTokenCount", input.saturating_add(words).saturating_add(thinking)),
    ];
    let mut usage: serde_json::Map<String, Value> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect();
    usage.insert("promptTokensDetails".to_owned(), json!([{"modality": "TEXT", "tokenCount": input}]));
    Value::Object(usage)
}

/// Each frame is a whole response with the new words only; the last has none, and the reason for the end.
fn frames(turn: &Turn) -> Frames {
    if turn.ending == Ending::Refused {
        return Frames { closing: vec![frame(&blocked(turn))], ..Frames::default() };
    }
    let delta = |parts: &Value| {
        // The count that the service gives in mid-stream is not the final one.
        frame(&response(turn, "candidates", &candidates(parts, None), &usage(turn, 1)))
    };
    let texts = pieces(&turn.answer.text).into_iter().map(text_parts);
    // A call comes in one piece.
    let calls = tools::calls(turn).into_iter().map(|call| json!([call]));
    let last = candidates(&text_parts(""), Some(finish_reason(turn)));
    let frames = Frames {
        opening: Vec::new(),
        deltas: texts.chain(calls).map(|parts| delta(&parts)).collect(),
        closing: vec![frame(&response(turn, "candidates", &last, &usage(turn, turn.answer.words)))],
    };
    match turn.ending {
        Ending::Broken => frames.broken_by(frame(&error::error(&Trouble::Overloaded).1)),
        Ending::Whole | Ending::Refused => frames,
    }
}

/// The service ends lines with CRLF.
fn frame(json: &Value) -> Bytes {
    Bytes::from(format!("data: {json}\r\n\r\n"))
}
