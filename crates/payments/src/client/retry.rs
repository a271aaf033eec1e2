//! What is asked again, and when.

use super::attempt::Attempt;
use crate::settings::PaymentsSettings;
use backon::{BackoffBuilder, ExponentialBuilder};
use domain::port::PaymentMethod;
use http::{HeaderMap, header::RETRY_AFTER};
use std::time::Duration;
use tokio::time::Instant;

/// The pauses between attempts, and when to stop.
pub(super) struct Patience {
    delays: Box<dyn Iterator<Item = Duration> + Send>,
    method: PaymentMethod,
    deadline: Instant,
}

impl Patience {
    /// Pauses double, and are random so that callers who failed together do not return together.
    pub(super) fn new(settings: &PaymentsSettings, method: PaymentMethod, deadline: Instant) -> Self {
        let delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(settings.first_backoff_ms))
            .with_max_times(settings.max_attempts.saturating_sub(1))
            .build();
        Self { delays: Box::new(delays), method, deadline }
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// How long to wait before another attempt; `None` when there is to be none.
    pub(super) fn wait_after(&mut self, attempt: &Attempt) -> Option<Duration> {
        let delay = self.delays.next().filter(|_| attempt.may_repeat)?;
        let wait = delay.max(attempt.asked_wait.unwrap_or_default());
        if wait >= self.left() {
            return None;
        }
        let status = attempt.answer.as_ref().ok().map(|response| response.status.as_u16());
        let (service, wait_ms) = (self.method.name(), wait.as_millis());
        tracing::info!(service, status, wait_ms, "a payment service did not answer; it is asked again");
        Some(wait)
    }
}

/// For how long the headers ask us to stay away. A date is not read: our clock may be another than the service's.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
