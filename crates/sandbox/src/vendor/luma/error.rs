//! What Luma says when something is wrong: a detail, as text or as a list of fields.

use crate::{
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Why content is refused.
pub(super) const MODERATION: &str = "400: Prompt not allowed because advanced moderation failed";

/// Any trouble as a reply.
pub(super) fn error(trouble: &Trouble, _: &str) -> Reply {
    let (status, detail) = match trouble {
        Trouble::Invalid(invalid) => return fields(invalid),
        Trouble::NotJson(why) => (StatusCode::UNPROCESSABLE_ENTITY, format!("JSON decode error: {why}")),
        trouble => {
            let (status, detail) = classify(trouble);
            (status, detail.to_owned())
        }
    };
    Reply::json(status, &json!({"detail": detail}))
}

/// There is no such generation.
pub(super) fn not_found() -> Reply {
    Reply::json(StatusCode::NOT_FOUND, &json!({"detail": "Generation not found"}))
}

fn fields(invalid: &Invalid) -> Reply {
    let place = invalid.field.replace('[', ".").replace(']', "");
    let place: Vec<Value> = std::iter::once("body")
        .chain(place.split('.'))
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<u64>().map_or_else(|_| json!(part), |index| json!(index)))
        .collect();
    let (kind, message) = match &invalid.why {
        Why::Missing | Why::Empty => ("missing", "Field required".to_owned()),
        Why::Unknown => ("extra_forbidden", "Extra inputs are not permitted".to_owned()),
        Why::WrongType(expected) => ("type_error", format!("Input should be {expected}")),
        Why::NotOneOf { allowed, .. } => ("enum", format!("Input should be '{}'", allowed.join("' or '"))),
        Why::Below { min, .. } => ("greater_than_equal", format!("Input should be at least {min}")),
        Why::Above { max, .. } => ("less_than_equal", format!("Input should be at most {max}")),
        _ => ("value_error", invalid.to_string()),
    };
    let body = json!({"detail": [{"loc": place, "msg": message, "type": kind}]});
    Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

const fn classify(trouble: &Trouble) -> (StatusCode, &'static str) {
    match trouble {
        Trouble::NoKey => (StatusCode::UNAUTHORIZED, "Not authenticated"),
        Trouble::BadKey => (StatusCode::FORBIDDEN, "Invalid API key"),
        Trouble::NoRoute | Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, "Not Found"),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request body is too large"),
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded"),
        Trouble::Quota => (StatusCode::BAD_REQUEST, "Insufficient credits"),
        Trouble::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Service temporarily unavailable"),
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        Trouble::Invalid(_) | Trouble::NotJson(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid request"),
        Trouble::Refused => (StatusCode::BAD_REQUEST, MODERATION),
    }
}
