//! What `YooKassa` answers, and what it says when something is wrong. A declined card is no error: it is a payment with
//! status `canceled`.

use crate::adapter::{Response, broken};
use domain::port::{GatewayError, GatewayErrorKind};
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorObject {
    code: String,
    description: String,
    parameter: String,
    /// Milliseconds.
    retry_after: Option<u64>,
}

impl ErrorObject {
    fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The key was used with another body, so something may exist under it.
    fn is_about_key(&self) -> bool {
        self.parameter.eq_ignore_ascii_case("Idempotence-Key")
            || self.description.to_ascii_lowercase().contains("idempotence key")
    }
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, GatewayError> {
    // 202 says that the request is still being worked on.
    if !response.status.is_success() || response.status == StatusCode::ACCEPTED {
        return Err(refusal(response));
    }
    serde_json::from_slice(&response.body)
        .map_err(|error| broken(format!("not the JSON that was expected: {error}")))
}

/// For how long the body asks us to stay away.
pub(super) fn asked_wait(response: &Response) -> Option<Duration> {
    ErrorObject::parse(&response.body).retry_after.map(Duration::from_millis)
}

fn refusal(response: &Response) -> GatewayError {
    let error = ErrorObject::parse(&response.body);
    let kind = match response.status.as_u16() {
        400 if error.is_about_key() => GatewayErrorKind::OutcomeUnknown,
        401 => GatewayErrorKind::BadKey,
        404 => GatewayErrorKind::NotFound,
        408 => GatewayErrorKind::OutcomeUnknown,
        429 => GatewayErrorKind::NotTaken,
        400..500 => GatewayErrorKind::Rejected,
        _ => GatewayErrorKind::OutcomeUnknown,
    };
    let ErrorObject { code, description, parameter, .. } = error;
    let words = [code, parameter, description].into_iter().filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    GatewayError::new(kind, format!("HTTP {}: {}", response.status.as_u16(), words.join(": ")))
}
