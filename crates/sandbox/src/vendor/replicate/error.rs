//! What Replicate says when something is wrong: problem details.

use crate::{
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::StatusCode;
use serde_json::json;

/// Any trouble as a reply.
pub(super) fn error(trouble: &Trouble, _: &str) -> Reply {
    match trouble {
        Trouble::Invalid(Invalid { why: Why::ValueNotTaken(_), .. }) => return wrong_version(),
        Trouble::Invalid(invalid) => return invalid_input(invalid),
        // The one error without a title.
        Trouble::RateLimited => {
            let body = json!({"detail": "Request was throttled. Your rate limit resets in ~1s."});
            let reply = Reply::json(StatusCode::TOO_MANY_REQUESTS, &body);
            return reply.with_headers(&[("retry-after", "1")]);
        }
        _ => {}
    }
    let (status, title, detail) = classify(trouble);
    problem(status, title, &detail)
}

/// An error in the vendor's form.
fn problem(status: StatusCode, title: &str, detail: &str) -> Reply {
    Reply::json(status, &json!({"title": title, "detail": detail, "status": status.as_u16()}))
}

/// There is no such thing, or it is somebody else's.
pub(super) fn not_found() -> Reply {
    problem(StatusCode::NOT_FOUND, "Not Found", "The requested resource could not be found.")
}

/// A community model was called as an official one, or the other way round, or the version is unknown.
fn wrong_version() -> Reply {
    let detail = "The specified version does not exist (or perhaps you don't have permission to use it?)";
    problem(StatusCode::UNPROCESSABLE_ENTITY, "Invalid version or not permitted", detail)
}

fn invalid_input(invalid: &Invalid) -> Reply {
    let (field, name) = (&invalid.field, invalid.field.rsplit('.').next().unwrap_or_default());
    let (kind, description) = match &invalid.why {
        Why::Missing => ("required", format!("{name} is required")),
        Why::Unknown => {
            ("additional_property_not_allowed", format!("Additional property {name} is not allowed"))
        }
        Why::WrongType(expected) => ("invalid_type", format!("Invalid type. Expected: {expected}")),
        Why::NotOneOf { allowed, .. } => {
            ("enum", format!("{name} must be one of the following: \"{}\"", allowed.join("\", \"")))
        }
        Why::Below { min, .. } => ("number_gte", format!("Must be greater than or equal to {min}")),
        Why::Above { max, .. } => ("number_lte", format!("Must be less than or equal to {max}")),
        _ => ("invalid", invalid.to_string()),
    };
    let body = json!({
        "title": "Input validation failed",
        "detail": format!("- {field}: {description}\n"),
        "status": 422,
        "invalid_fields": [{"type": kind, "field": field, "description": description}],
    });
    Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

fn classify(trouble: &Trouble) -> (StatusCode, &'static str, String) {
    let (status, title, detail) = match trouble {
        Trouble::NoKey => {
            (StatusCode::UNAUTHORIZED, "Unauthenticated", "You did not pass an authentication token")
        }
        Trouble::BadKey => {
            (StatusCode::UNAUTHORIZED, "Unauthenticated", "You did not pass a valid authentication token")
        }
        Trouble::NoRoute | Trouble::UnknownModel(_) => {
            (StatusCode::NOT_FOUND, "Not Found", "The requested resource could not be found.")
        }
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "Method not allowed."),
        Trouble::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", "The request is too large.")
        }
        Trouble::NotJson(why) => {
            return (StatusCode::BAD_REQUEST, "Bad Request", format!("The request body is not JSON: {why}"));
        }
        Trouble::Quota => (
            StatusCode::PAYMENT_REQUIRED,
            "Insufficient credit",
            "You have insufficient credit to run this model. Go to your billing page to purchase credit.",
        ),
        Trouble::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Unavailable",
            "The service is temporarily unavailable.",
        ),
        // Both come in words of their own, and are here so that every trouble has an answer.
        Trouble::Invalid(_) | Trouble::Refused => {
            (StatusCode::UNPROCESSABLE_ENTITY, "Invalid input", "The input was flagged as sensitive. (E005)")
        }
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Throttled", "Request was throttled."),
        Trouble::Internal => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "An internal error occurred.")
        }
    };
    (status, title, detail.to_owned())
}
