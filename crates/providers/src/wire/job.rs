//! What adapters of jobs have in common.

use super::error::{bad_response, parse_json};
use crate::adapter::{Reply, ReplyBody};
use domain::{media::JobState, port::ProviderError};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the JSON of an answer.
pub(crate) fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, ProviderError> {
    match &reply.body {
        ReplyBody::Bytes(body) => parse_json(body),
        ReplyBody::Path(_) => Err(bad_response("a file came in place of JSON")),
    }
}

/// Puts an adapter's state into the form in which it is kept.
pub(crate) fn keep<T: Serialize>(state: &T) -> Result<JobState, ProviderError> {
    serde_json::to_value(state)
        .map(JobState)
        .map_err(|error| bad_response(format!("the job cannot be remembered: {error}")))
}

/// Undoes [`keep`].
pub(crate) fn recall<T: DeserializeOwned>(state: &JobState) -> Result<T, ProviderError> {
    T::deserialize(&state.0).map_err(|error| bad_response(format!("not a job of this vendor's: {error}")))
}

/// A vendor's id, which is to stand in a path: one that could lead elsewhere is refused.
pub(crate) fn path_segment(id: &str) -> Result<&str, ProviderError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=200).contains(&id.len()) && id.bytes().all(is_plain) {
        Ok(id)
    } else {
        Err(bad_response("an id that cannot stand in a path"))
    }
}
