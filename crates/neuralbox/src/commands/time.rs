//! Times on the command line.

use super::Error;
use chrono::DateTime;
use domain::time::{Day, Timestamp};

/// A day, or an instant.
pub(super) fn read_time(option: &str, text: &str) -> Result<Timestamp, Error> {
    let instant = || {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Timestamp::from_unix_ms(time.timestamp_millis()))
    };
    let time = Day::parse(text).map(Day::starts_at).or_else(instant);
    time.ok_or_else(|| {
        Error::Other(format!(
            "{option} must be a day such as 2026-12-01, or a time such as 2026-12-01T12:00:00Z"
        ))
    })
}
