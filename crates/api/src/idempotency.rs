//! `Idempotency-Key`

use crate::error::ApiError;
use app::IdempotencyKey;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::params::FieldError;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));

/// The name of a request, where its client gave it one.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse).filter(|_| values.next().is_none());
    let message = "must be 1 to 255 visible characters of ASCII, once";
    key.map(Some).ok_or_else(|| ApiError::field(FieldError::new("Idempotency-Key", message)))
}

/// Says that an answer was given before.
pub(crate) fn mark_replayed(headers: &mut HeaderMap) {
    let (name, value) = REPLAYED;
    headers.insert(name, value);
}
