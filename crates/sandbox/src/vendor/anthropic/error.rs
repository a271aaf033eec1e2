//! What Anthropic says when something is wrong.

use crate::trouble::{Invalid, Trouble, Why};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// The body of an error, which is also the data of an `error` event.
pub(super) fn error_body(trouble: &Trouble, id: &str) -> Value {
    let (_, kind) = classify(trouble);
    json!({
        "type": "error",
        "error": {"type": kind, "message": explain(trouble)},
        "request_id": super::request_id(id),
    })
}

/// The status and the `type`.
pub(super) fn classify(trouble: &Trouble) -> (StatusCode, &'static str) {
    match trouble {
        Trouble::NoKey | Trouble::BadKey => (StatusCode::UNAUTHORIZED, "authentication_error"),
        Trouble::NoRoute | Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, "not_found_error"),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error"),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large"),
        Trouble::NotJson(_) | Trouble::Invalid(_) | Trouble::Refused => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        Trouble::Quota => (StatusCode::PAYMENT_REQUIRED, "billing_error"),
        Trouble::Overloaded => (overloaded(), "overloaded_error"),
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
    }
}

/// 529, which no registry knows.
fn overloaded() -> StatusCode {
    StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn explain(trouble: &Trouble) -> String {
    let fixed = match trouble {
        Trouble::Invalid(invalid) => return explain_invalid(invalid),
        Trouble::NotJson(why) => return format!("The request body is not valid JSON: {why}"),
        Trouble::UnknownModel(model) => return format!("model: {model}"),
        Trouble::NoKey => "x-api-key header is required",
        Trouble::BadKey => "invalid x-api-key",
        Trouble::NoRoute => "Not Found",
        Trouble::WrongMethod => "Method Not Allowed",
        Trouble::TooLarge => "Request exceeds the maximum size",
        Trouble::RateLimited => {
            "This request would exceed your account's rate limit. Please try again later."
        }
        Trouble::Quota => "Your credit balance is too low to access the Anthropic API.",
        Trouble::Overloaded => "Overloaded",
        Trouble::Internal => "Internal server error",
        Trouble::Refused => "Output blocked by content filtering policy",
    };
    fixed.to_owned()
}

fn explain_invalid(invalid: &Invalid) -> String {
    // The service writes `messages.0.role`.
    let field = invalid.field.replace('[', ".").replace(']', "");
    match &invalid.why {
        Why::Missing => format!("{field}: Field required"),
        Why::Unknown => format!("{field}: Extra inputs are not permitted"),
        Why::WrongType(expected) => format!("{field}: Input should be {expected}"),
        Why::Empty if field == "messages" => "messages: at least one message is required".to_owned(),
        Why::Empty => format!("{field}: must be non-empty"),
        Why::NotOneOf { allowed, .. } => format!("{field}: Input should be '{}'", allowed.join("' or '")),
        Why::Below { min, .. } => format!("{field}: Input should be greater than or equal to {min}"),
        Why::Above { max, .. } => format!("{field}: Input should be less than or equal to {max}"),
        Why::TooLong { .. } | Why::NotTaken(_) | Why::ValueNotTaken(_) | Why::Other(_) => invalid.to_string(),
    }
}
