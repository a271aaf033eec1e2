//! What vendors say when something is wrong.

use domain::port::{ProviderError, ProviderErrorKind};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A vendor's error object. The vendors served so far all have one of these bodies:
/// `{"error": {message, type?, code?, …}}`, `{"error": message, "code": …}`, and bare `{message, code?}` in streams.
pub(crate) struct VendorError {
    /// For people.
    pub(crate) message: String,
    /// The most exact name; empty when there is none.
    pub(crate) code: String,
    /// The class of error; empty when there is none.
    pub(crate) error_type: String,
    /// The whole object, for what only one vendor has.
    pub(crate) object: Value,
}

impl VendorError {
    /// Reads a body. One that is not JSON is the message itself.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(body).trim().to_owned();
        match serde_json::from_slice::<Value>(body) {
            Ok(value) if value["error"].is_object() => Self::from_object(value["error"].clone()),
            Ok(value) => {
                let message = value["error"].as_str().map(str::to_owned);
                let error = Self::from_object(value);
                Self { message: message.unwrap_or_else(|| error.message.clone()), ..error }
            }
            Err(_) => {
                Self { message: text(), code: String::new(), error_type: String::new(), object: Value::Null }
            }
        }
    }

    /// Reads the object that holds message and code.
    pub(crate) fn from_object(object: Value) -> Self {
        let word = |name: &str| match &object[name] {
            Value::String(word) => word.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let message = object["message"].as_str().map_or_else(|| object.to_string(), str::to_owned);
        Self { message, code: word("code"), error_type: word("type"), object }
    }

    /// Whether its code or its type is one of `names`.
    pub(crate) fn is_any(&self, names: &[&str]) -> bool {
        names.contains(&self.code.as_str()) || names.contains(&self.error_type.as_str())
    }

    /// Whether its message holds one of `phrases`, which are in lower case.
    pub(crate) fn says_any(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    /// As an error of `kind`.
    pub(crate) fn into_error(self, kind: ProviderErrorKind, status: StatusCode) -> ProviderError {
        let name = if self.code.is_empty() { self.error_type } else { self.code };
        let name = if name.is_empty() { name } else { format!("{name}: ") };
        ProviderError::new(kind, format!("HTTP {}: {name}{}", status.as_u16(), self.message))
    }
}

/// Whether a body is an error of a vendor's API, and not the page or the bare `{"message": …}` of something in front of it:
/// `{"error": {"message": …}}`, or xAI's `{"code": …, "error": …}`.
pub(crate) fn is_own_error(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
    value["error"]["message"].is_string() || (value["error"].is_string() && value["code"].is_string())
}

/// The status that an error counts as when it stands in an answer of status 200: trouble of the vendor's own, unless
/// its code says more.
pub(crate) const STATUS_WITHIN_ANSWER: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// What a status means by itself, where the vendor's own code does not say more.
pub(crate) fn kind_of_status(status: StatusCode) -> ProviderErrorKind {
    match status.as_u16() {
        401 | 403 => ProviderErrorKind::BadKey,
        402 => ProviderErrorKind::QuotaExhausted,
        404 | 410 => ProviderErrorKind::ModelGone,
        408 => ProviderErrorKind::Timeout,
        429 => ProviderErrorKind::RateLimited,
        400..500 => ProviderErrorKind::RejectedRequest,
        500..600 => ProviderErrorKind::Overloaded,
        _ => ProviderErrorKind::BadResponse,
    }
}

/// Reads JSON that a vendor sent.
pub(crate) fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(json)
        .map_err(|error| bad_response(format!("not the JSON that was expected: {error}")))
}

/// An answer that does not follow the protocol.
pub(crate) fn bad_response(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::BadResponse, message)
}

/// An answer that the vendor stopped or withheld because of its content.
pub(crate) fn content_refused(reason: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::ContentRefused, format!("the vendor refused the content: {reason}"))
}

/// A stream without its end.
pub(crate) fn stream_cut() -> ProviderError {
    ProviderError::new(ProviderErrorKind::StreamCut, "the stream ended before the answer was complete")
}
