//! How a request came to nothing, and when the next attempt is due.

use super::{ClientSettings, attempt::Failure};
use crate::{
    repeat::{Repeat, Trouble},
    wire::error::is_own_error,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::DateTime;
use domain::port::{ProviderError, ProviderErrorKind};
use http::{
    HeaderMap, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use std::time::Duration;
use tokio::time::Instant;

/// How a request came to nothing that was answered by a status other than 2xx.
pub(super) fn trouble_of_refusal(
    error: &ProviderError,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Trouble {
    if word(headers, "x-should-retry") == Some("false") {
        return Trouble::Final;
    }
    match (status.as_u16(), trouble_of(error.kind)) {
        (429 | 503 | 529, Trouble::Lost) => Trouble::TurnedAway,
        (500, Trouble::Lost) if is_own_error(body) => Trouble::GivenUp,
        (_, trouble) => trouble,
    }
}

/// How a request came to nothing that ended in such an error, where nothing more is known: what may pass is lost.
pub(super) fn trouble_of(kind: ProviderErrorKind) -> Trouble {
    use ProviderErrorKind::{Overloaded, RateLimited, StreamCut, Timeout};
    match kind {
        Timeout | StreamCut | Overloaded | RateLimited => Trouble::Lost,
        _ => Trouble::Final,
    }
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
    pub(super) async fn wait_after(&mut self, failure: Failure, repeat: Repeat) -> Result<(), ProviderError> {
        let Failure { mut error, trouble } = failure;
        let may_repeat = repeat.is_allowed_after(trouble);
        // What may be sent again is what was not begun, or is not charged.
        error.is_free |= may_repeat;
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
