//! What Telegram says when something is wrong, and when nothing is.

use crate::{payment::till, reply::Reply, trouble::Trouble};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    description: String,
}

impl Refusal {
    /// A wrong request.
    pub(super) fn bad(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Bad Request: {why}"))
    }

    /// A parameter that must be there.
    pub(super) fn missing(name: &str) -> Self {
        Self::bad(&format!("parameter \"{name}\" is required"))
    }

    fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self { status, description: description.into() }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        let (status, description) = match trouble {
            Trouble::NoKey | Trouble::BadKey => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            // A malformed token makes a path that does not exist.
            Trouble::NoRoute => (StatusCode::NOT_FOUND, "Not Found"),
            Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, "Not Found: method not found"),
            Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Trouble::NotJson(_) => return Self::bad("can't parse parameters"),
            Trouble::Invalid(invalid) => return Self::bad(&invalid.to_string()),
            Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests: retry after 1"),
            Trouble::Quota | Trouble::Refused => (StatusCode::FORBIDDEN, "Forbidden"),
            Trouble::Overloaded => (StatusCode::BAD_GATEWAY, "Bad Gateway"),
            Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        };
        Self::new(status, description)
    }
}

impl till::Refusal for Refusal {
    fn reply(&self, _: &str) -> Reply {
        let mut body = json!({
            "ok": false,
            "error_code": self.status.as_u16(),
            "description": self.description,
        });
        if self.status != StatusCode::TOO_MANY_REQUESTS {
            return Reply::json(self.status, &body);
        }
        crate::payment::insert_all(&mut body, [("parameters", json!({"retry_after": 1}))]);
        Reply::json(self.status, &body).with_headers(&[("retry-after", "1")])
    }
}

/// The answer to a call that went well.
pub(super) fn ok(result: &Value) -> Reply {
    Reply::json(StatusCode::OK, &json!({"ok": true, "result": result}))
}
