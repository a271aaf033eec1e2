//! What ElevenLabs says when something is wrong: always under `detail`, in one of two shapes.

use crate::{
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Any trouble as a reply.
pub(super) fn error(trouble: &Trouble, _: &str) -> Reply {
    let (status, code, message) = match trouble {
        Trouble::Invalid(Invalid { why: Why::TooLong { max, .. }, .. }) => {
            let message = format!("A maximum request length of {max} characters is supported.");
            return service_error(StatusCode::BAD_REQUEST, "max_character_limit_exceeded", &message);
        }
        Trouble::Invalid(Invalid { field, why: Why::ValueNotTaken(voice) }) if field == "voice_id" => {
            let message = format!("A voice with voice_id {voice} was not found.");
            return service_error(StatusCode::BAD_REQUEST, "voice_not_found", &message);
        }
        Trouble::Invalid(invalid) => return fields(invalid),
        Trouble::UnknownModel(model) => {
            let message = format!("A model with model ID {model} does not exist.");
            return service_error(StatusCode::BAD_REQUEST, "invalid_uid", &message);
        }
        trouble => classify(trouble),
    };
    service_error(status, code, message)
}

/// An error of the service.
fn service_error(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"detail": {"status": code, "message": message}}))
}

/// An error of validation.
fn fields(invalid: &Invalid) -> Reply {
    let place = invalid.field.split('.').filter(|part| !part.is_empty());
    let place: Vec<&str> = std::iter::once("body").chain(place).collect();
    let (kind, message) = match &invalid.why {
        Why::Missing => ("missing", "Field required".to_owned()),
        Why::WrongType(expected) => ("type_error", format!("Input should be {expected}")),
        Why::NotOneOf { allowed, .. } => ("enum", format!("Input should be '{}'", allowed.join("' or '"))),
        Why::Below { min, .. } => {
            ("greater_than_equal", format!("Input should be greater than or equal to {min}"))
        }
        Why::Above { max, .. } => ("less_than_equal", format!("Input should be less than or equal to {max}")),
        _ => ("value_error", invalid.to_string()),
    };
    let detail: Value = json!([{"loc": place, "msg": message, "type": kind}]);
    Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({"detail": detail}))
}

const fn classify(trouble: &Trouble) -> (StatusCode, &'static str, &'static str) {
    match trouble {
        Trouble::NoKey => (
            StatusCode::UNAUTHORIZED,
            "needs_authorization",
            "Neither authorization header nor xi-api-key received, please provide one.",
        ),
        Trouble::BadKey => (StatusCode::UNAUTHORIZED, "invalid_api_key", "Invalid API key"),
        Trouble::NoRoute | Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, "not_found", "Not Found"),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed"),
        Trouble::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "upload_file_size_exceeded", "The file is too large.")
        }
        Trouble::NotJson(_) | Trouble::Invalid(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", "The request body could not be parsed.")
        }
        Trouble::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_concurrent_requests",
            "Too many concurrent requests. Your current subscription is associated with a maximum of 5 concurrent requests.",
        ),
        // Not a bad key, although the status says so.
        Trouble::Quota => (
            StatusCode::UNAUTHORIZED,
            "quota_exceeded",
            "This request exceeds your quota of 10000. You have 0 credits remaining.",
        ),
        Trouble::Overloaded => (
            StatusCode::TOO_MANY_REQUESTS,
            "system_busy",
            "We are experiencing heavy traffic, please try again later.",
        ),
        Trouble::Internal => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "An internal error occurred.")
        }
        Trouble::Refused => {
            (StatusCode::BAD_REQUEST, "content_against_policy", "The text is against our content policy.")
        }
    }
}
