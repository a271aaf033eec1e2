//! What YooKassa says when something is wrong.

use crate::{
    payment::{ids, till},
    reply::Reply,
    trouble::{Invalid, Trouble},
};
use axum::http::StatusCode;
use serde_json::json;

/// An error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    description: String,
    parameter: Option<String>,
}

impl Refusal {
    /// A wrong request, and the field or header that is to blame.
    pub(super) fn wrong(parameter: impl Into<String>, description: impl Into<String>) -> Self {
        let parameter = Some(parameter.into()).filter(|parameter| !parameter.is_empty());
        Self { parameter, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", description) }
    }

    /// There is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} doesn't exist or access denied"))
    }

    /// The body is no JSON by its type.
    pub(super) fn content_type() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "invalid_request", "Content-Type must be application/json")
    }

    fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into(), parameter: None }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let description = invalid.to_string();
        Self::wrong(invalid.field, description)
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        let (status, code, description) = match trouble {
            Trouble::Invalid(invalid) => return invalid.into(),
            Trouble::NotJson(why) => return Self::wrong("", format!("The body is not JSON: {why}")),
            Trouble::NoKey | Trouble::BadKey => (
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "Basic authentication failed: shopId or secret key is wrong",
            ),
            Trouble::NoRoute | Trouble::UnknownModel(_) => {
                (StatusCode::NOT_FOUND, "not_found", "No such resource")
            }
            Trouble::WrongMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "Method is not allowed here")
            }
            Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "The body is too large"),
            Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"),
            Trouble::Quota | Trouble::Refused => {
                (StatusCode::FORBIDDEN, "forbidden", "The shop may not do this")
            }
            Trouble::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "internal_server_error", "Come back later")
            }
            Trouble::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_server_error",
                "The result is unknown: repeat with the same Idempotence-Key",
            ),
        };
        Self::new(status, code, description)
    }
}

impl till::Refusal for Refusal {
    fn reply(&self, id: &str) -> Reply {
        let mut body = json!({
            "type": "error",
            "id": ids::uuid(id, 0),
            "code": self.code,
            "description": self.description,
        });
        if let (Some(parameter), Some(body)) = (&self.parameter, body.as_object_mut()) {
            body.insert("parameter".to_owned(), json!(parameter));
        }
        let reply = Reply::json(self.status, &body);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                reply.with_headers(&[("www-authenticate", "Basic realm=\"YooKassa\"")])
            }
            _ => reply,
        }
    }
}
