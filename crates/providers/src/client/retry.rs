//! What may be asked again, and when.

use chrono::DateTime;
use domain::port::{ProviderError, ProviderErrorKind};
use http::{
    HeaderMap, StatusCode,
    header::{DATE, RETRY_AFTER},
};

/// Whether a repeat is useful and cannot be billed twice: the vendor refused before it began, because of its load or
/// ours, and does not say that repeating is useless.
pub(super) fn may_repeat(error: &ProviderError, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_useful = match error.kind {
        ProviderErrorKind::RateLimited => status == StatusCode::TOO_MANY_REQUESTS,
        ProviderErrorKind::Overloaded => matches!(status.as_u16(), 500 | 502 | 503 | 529),
        _ => false,
    };
    is_useful && word(headers, "x-should-retry") != Some("false")
}

/// Milliseconds after which the headers want us back. A date counts from the answer's own, so that our clock does not
/// matter.
pub(super) fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    if let Some(ms) = word(headers, "retry-after-ms") {
        return whole(ms);
    }
    let text = word(headers, RETRY_AFTER.as_str())?;
    if let Some(seconds) = whole(text) {
        return Some(seconds.saturating_mul(1_000));
    }
    let back = DateTime::parse_from_rfc2822(text).ok()?;
    let now = DateTime::parse_from_rfc2822(word(headers, DATE.as_str())?).ok()?;
    Some((back - now).num_milliseconds().max(0))
}

/// A number without its fraction.
fn whole(text: &str) -> Option<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    whole.parse().ok().filter(|number| *number >= 0)
}

fn word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
