//! OpenAI: chat completions, responses, pictures, speech, transcriptions and the list of models.
//!
//! Shapes follow the vendor's published OpenAPI description 2.3.0; the wording of errors is what the service is seen
//! to say.

mod chat;
mod images;
mod responses;
mod speech;
mod transcriptions;

use super::CREATED_UNIX_S;
use crate::{
    answer::{Answer, Ask},
    endpoint,
    fields::Object,
    protocol::{Body, Ending, Protocol, Turn, post, serve, with_fallbacks},
    reply::Reply,
    service::Service,
    trouble::{Invalid, Trouble, Why},
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Ids with the snapshots that answer to them.
const SNAPSHOTS: [(&str, &str); 11] = [
    ("gpt-5-nano", "gpt-5-nano-2025-08-07"),
    ("gpt-5", "gpt-5-2025-08-07"),
    ("gpt-5.2", "gpt-5.2-2025-12-11"),
    ("gpt-5.2-pro", "gpt-5.2-pro-2025-12-11"),
    ("dall-e-3", "dall-e-3"),
    ("gpt-image-1.5", "gpt-image-1.5-2025-12-16"),
    ("tts-1", "tts-1"),
    ("tts-1-hd", "tts-1-hd"),
    ("gpt-4o-mini-tts", "gpt-4o-mini-tts"),
    ("whisper-1", "whisper-1"),
    ("gpt-4o-transcribe", "gpt-4o-transcribe"),
];

const HEADERS: [(&str, &str); 9] = [
    ("openai-organization", "org-sandbox"),
    ("openai-processing-ms", "1"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "2000000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "1999900"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "3ms"),
];

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

pub(super) fn routes() -> Router<Arc<Service>> {
    let models = |service: State<Arc<Service>>, headers: HeaderMap, body: Body| async move {
        serve(&service, &Models, &headers, body).await
    };
    let router = Router::new()
        .route("/chat/completions", post(chat::Chat))
        .route("/responses", post(responses::Responses))
        .route("/images/generations", endpoint::post(images::GENERATIONS))
        .route("/images/edits", endpoint::post(images::EDITS))
        .route("/audio/speech", endpoint::post(speech::Speech))
        .route("/audio/transcriptions", endpoint::post(transcriptions::Transcriptions))
        .route("/models", get(models));
    with_fallbacks(router, error)
}

/// `GET /models`.
#[derive(Clone, Copy)]
struct Models;

impl Protocol for Models {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        super::chat::admit_bearer(headers)
    }

    fn read(&self, _: &[u8]) -> Result<Ask, Trouble> {
        Ok(Ask::default())
    }

    fn answer(&self, turn: &Turn) -> Reply {
        if turn.ending == Ending::Broken {
            return self.error(&Trouble::Internal, &turn.id).with_status(StatusCode::OK);
        }
        let model = |(id, _): &(&str, &str)| json!({"id": id, "object": "model", "created": CREATED_UNIX_S, "owned_by": "system", "shutdown_date": null});
        let models: Vec<Value> = SNAPSHOTS.iter().map(model).collect();
        finished(Reply::json(StatusCode::OK, &json!({"object": "list", "data": models})), &turn.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error(trouble, id)
    }
}

fn finished(reply: Reply, id: &str) -> Reply {
    reply.with_headers(&HEADERS).with_request_id("x-request-id", &format!("req_{id}"))
}

/// The model as the answer names it.
fn snapshot(model: &str) -> &str {
    SNAPSHOTS.iter().find(|(id, _)| *id == model).map_or(model, |(_, snapshot)| snapshot)
}

fn is_known(model: &str) -> bool {
    ["gpt-", "o1", "o3", "o4", "chatgpt-"].iter().any(|family| model.starts_with(family))
}

/// The models that think, and take no sampling parameters.
fn is_gpt_5(model: &str) -> bool {
    model.starts_with("gpt-5")
}

/// Reads the model and what both endpoints refuse for it.
fn read_model(body: &Object<'_>) -> Result<String, Trouble> {
    let model = body.require_text("model")?;
    if !is_known(model) {
        return Err(Trouble::UnknownModel(model.to_owned()));
    }
    for (name, max) in [("temperature", 2.0), ("top_p", 1.0)] {
        match body.decimal(name, 0.0, max)? {
            Some(got) if is_gpt_5(model) && got != 1.0 => {
                return Err(body.wrong(name, Why::ValueNotTaken(got.to_string())).into());
            }
            _ => {}
        }
    }
    Ok(model.to_owned())
}

/// Whether a model thinks with this effort.
fn thinks(model: &str, effort: Option<&str>) -> bool {
    is_gpt_5(model) && !matches!(effort, Some("none" | "minimal"))
}

/// Whether frames are to be padded: unless the request says no.
fn read_padding(body: &Object<'_>) -> Result<bool, Invalid> {
    let Some(options) = body.object("stream_options")? else { return Ok(true) };
    Ok(options.get("include_obfuscation").is_none() || options.flag("include_obfuscation")?)
}

/// Padding that hides how long a delta is.
fn padding(delta: &str) -> String {
    "x".repeat(16_usize.saturating_sub(delta.len() % 16))
}

/// Whether the answer says that the ceiling cut it.
fn is_incomplete(answer: &Answer, ending: Ending) -> bool {
    answer.is_cut && ending == Ending::Whole
}

fn error(trouble: &Trouble, id: &str) -> Reply {
    let (status, kind, code) = classify(trouble);
    let body = json!({"error": {
        "message": message(trouble),
        "type": kind,
        "param": param(trouble),
        "code": code,
    }});
    let reply = finished(Reply::json(status, &body), id);
    if matches!(trouble, Trouble::RateLimited) { reply.with_headers(&[("retry-after", "1")]) } else { reply }
}

/// Status, `type` and `code`.
fn classify(trouble: &Trouble) -> (StatusCode, &'static str, Option<&'static str>) {
    const REQUEST: &str = "invalid_request_error";
    match trouble {
        Trouble::NoKey => (StatusCode::UNAUTHORIZED, REQUEST, None),
        Trouble::BadKey => (StatusCode::UNAUTHORIZED, REQUEST, Some("invalid_api_key")),
        Trouble::NoRoute => (StatusCode::NOT_FOUND, REQUEST, None),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, REQUEST, Some("method_not_supported")),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST, Some("request_too_large")),
        Trouble::NotJson(_) => (StatusCode::BAD_REQUEST, REQUEST, None),
        Trouble::Invalid(invalid) => (StatusCode::BAD_REQUEST, REQUEST, code(invalid)),
        Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, REQUEST, Some("model_not_found")),
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "requests", Some("rate_limit_exceeded")),
        Trouble::Quota => {
            (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", Some("credit_balance_exhausted"))
        }
        Trouble::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable_error", Some("server_is_overloaded"))
        }
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
        Trouble::Refused => (StatusCode::BAD_REQUEST, REQUEST, Some("content_policy_violation")),
    }
}

const fn code(invalid: &Invalid) -> Option<&'static str> {
    Some(match invalid.why {
        Why::Missing => "missing_required_parameter",
        Why::Unknown => "unknown_parameter",
        Why::WrongType(_) => "invalid_type",
        Why::Empty => "empty_array",
        Why::NotOneOf { .. } | Why::Other(_) => "invalid_value",
        Why::Below { .. } => "integer_below_min_value",
        Why::Above { .. } => "integer_above_max_value",
        Why::TooLong { .. } => "string_above_max_length",
        Why::NotTaken(_) => "unsupported_parameter",
        Why::ValueNotTaken(_) => "unsupported_value",
    })
}

fn param(trouble: &Trouble) -> Option<&str> {
    match trouble {
        Trouble::Invalid(invalid) => Some(&invalid.field),
        Trouble::UnknownModel(_) => Some("model"),
        _ => None,
    }
}

fn message(trouble: &Trouble) -> String {
    let fixed = match trouble {
        Trouble::Invalid(invalid) => return invalid_message(invalid),
        Trouble::NotJson(why) => return format!("We could not parse the JSON body of your request: {why}"),
        Trouble::UnknownModel(model) => {
            return format!("The model `{model}` does not exist or you do not have access to it.");
        }
        Trouble::NoKey => {
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        }
        Trouble::BadKey => "Incorrect API key provided: ********.",
        Trouble::NoRoute => "Invalid URL.",
        Trouble::WrongMethod => "Not allowed to use this method on this URL.",
        Trouble::TooLarge => "The request body is too large.",
        Trouble::RateLimited => "Rate limit reached for requests. Please try again in 1s.",
        Trouble::Quota => "You exceeded your current quota, please check your plan and billing details.",
        Trouble::Overloaded => "The server is currently overloaded, please try again later.",
        Trouble::Internal => "The server had an error while processing your request. Sorry about that!",
        Trouble::Refused => "Your request was rejected as a result of our safety system.",
    };
    fixed.to_owned()
}

fn invalid_message(invalid: &Invalid) -> String {
    let field = &invalid.field;
    match &invalid.why {
        Why::Missing => format!("Missing required parameter: '{field}'."),
        Why::Unknown => format!("Unknown parameter: '{field}'."),
        Why::WrongType(expected) => format!("Invalid type for '{field}': expected {expected}."),
        Why::Empty => format!("Invalid '{field}': must not be empty."),
        Why::NotOneOf { got, allowed } => {
            format!("Invalid value: '{got}'. Supported values are: '{}'.", allowed.join("', '"))
        }
        Why::Below { got, min } => {
            format!(
                "Invalid '{field}': value below minimum. Expected a value >= {min}, but got {got} instead."
            )
        }
        Why::Above { got, max } => {
            format!(
                "Invalid '{field}': value above maximum. Expected a value <= {max}, but got {got} instead."
            )
        }
        Why::TooLong { got, max } => format!(
            "Invalid '{field}': string too long. Expected a string with maximum length {max}, but got a string with \
             length {got} instead."
        ),
        Why::NotTaken(hint) => {
            format!("Unsupported parameter: '{field}' is not supported with this model. {hint}")
                .trim_end()
                .to_owned()
        }
        Why::ValueNotTaken(got) => format!(
            "Unsupported value: '{field}' does not support {got} with this model. Only the default (1) value is \
             supported."
        ),
        Why::Other(message) => message.clone(),
    }
}
