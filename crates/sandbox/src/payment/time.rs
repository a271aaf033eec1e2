//! Instants as payment services write them.

use chrono::{DateTime, SecondsFormat};

/// Milliseconds since the epoch as ISO 8601, UTC, with milliseconds.
pub(crate) fn shown(unix_ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads ISO 8601 with a time zone; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}
