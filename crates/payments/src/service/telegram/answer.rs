//! The envelope in which Telegram answers.

use crate::adapter::{Response, broken};
use domain::port::{GatewayError, GatewayErrorKind};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

#[derive(Deserialize)]
struct Answer<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Limited {
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: u64,
}

/// Said of a payment whose Stars have gone back, by whomever.
const ALREADY_REFUNDED: &str = "CHARGE_ALREADY_REFUNDED";
/// Said of a charge that is none of the bot's.
const UNKNOWN_CHARGE: &str = "CHARGE_NOT_FOUND";

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, GatewayError> {
    let is_success = response.status.is_success();
    let answer: Answer<T> = match serde_json::from_slice(&response.body) {
        Ok(answer) => answer,
        Err(error) if is_success => {
            return Err(broken(format!("not the JSON that was expected: {error}")));
        }
        Err(_) => return Err(refusal(response.status.as_u16(), "")),
    };
    match answer {
        Answer { ok: true, result: Some(result), .. } if is_success => Ok(result),
        Answer { error_code: Some(code), ok: false, description, .. } if is_success => {
            Err(refusal(code, &description))
        }
        Answer { description, .. } => Err(refusal(response.status.as_u16(), &description)),
    }
}

/// Reads the answer to what has none but `true`.
pub(super) fn read_true(response: &Response) -> Result<(), GatewayError> {
    match read(response)? {
        true => Ok(()),
        false => Err(broken("the answer is `false`")),
    }
}

/// Reads the answer to a refund: what has gone back already has gone back.
pub(super) fn read_refund(response: &Response) -> Result<(), GatewayError> {
    match read_true(response) {
        Err(error)
            if error.kind == GatewayErrorKind::Rejected && error.message.contains(ALREADY_REFUNDED) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// For how long the body asks us to stay away.
pub(super) fn asked_wait(response: &Response) -> Option<Duration> {
    let limited: Limited = serde_json::from_slice(&response.body).ok()?;
    Some(Duration::from_secs(limited.parameters.retry_after))
}

fn refusal(code: u16, description: &str) -> GatewayError {
    let kind = match code {
        400 if description.contains(UNKNOWN_CHARGE) => GatewayErrorKind::NotFound,
        // A token that is not even well formed is not found.
        401 | 404 => GatewayErrorKind::BadKey,
        408 => GatewayErrorKind::OutcomeUnknown,
        429 => GatewayErrorKind::NotTaken,
        400..500 => GatewayErrorKind::Rejected,
        _ => GatewayErrorKind::OutcomeUnknown,
    };
    GatewayError::new(kind, format!("HTTP {code}: {description}"))
}
