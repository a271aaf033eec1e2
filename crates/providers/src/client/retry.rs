//! What may be asked again, and when.

use super::{ClientSettings, attempt::Failure};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::DateTime;
use domain::port::{ProviderError, ProviderErrorKind};
use http::{
    HeaderMap, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use std::time::Duration;
use tokio::time::Instant;

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

/// The pauses between attempts, and when to stop.
pub(super) struct Patience {
    delays: Box<dyn Iterator<Item = Duration> + Send>,
    vendor: &'static str,
    max_retry_after_ms: u64,
    deadline: Instant,
}

impl Patience {
    /// Pauses double, and are random so that callers who failed together do not return together.
    pub(super) fn new(settings: &ClientSettings, vendor: &'static str, deadline: Instant) -> Self {
        let delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(settings.first_backoff_ms))
            .with_max_delay(Duration::from_millis(settings.max_backoff_ms))
            .with_max_times(settings.max_attempts.saturating_sub(1))
            .build();
        Self { delays: Box::new(delays), vendor, max_retry_after_ms: settings.max_retry_after_ms, deadline }
    }

    /// Waits until it is time for another attempt; gives the error back when there is to be none: a repeat could make it
    /// worse, or could not mend it, or there is no time.
    pub(super) async fn wait_after(&mut self, failure: Failure) -> Result<(), ProviderError> {
        let Failure { error, may_repeat } = failure;
        let Some(delay) = self.delays.next().filter(|_| may_repeat) else { return Err(error) };
        let asked_ms = error.retry_after_ms.map_or(0, |ms| u64::try_from(ms).unwrap_or_default());
        let wait = delay.max(Duration::from_millis(asked_ms));
        if asked_ms > self.max_retry_after_ms || Instant::now() + wait >= self.deadline {
            return Err(error);
        }
        let (vendor, kind, wait_ms) = (self.vendor, error.kind.name(), wait.as_millis());
        tracing::info!(vendor, kind, wait_ms, "a vendor did not answer; it is asked again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
