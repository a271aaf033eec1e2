//! A circuit breaker: a vendor that fails call after call is left alone for a while. Clients get their answer at once then,
//! and the vendor gets room to recover.
//!
//! Calls count, not attempts; and only what says that the vendor is down, or that it will not work for us at all. Whatever
//! else it answers, be it a refusal, shows that it is there, and ends the run. One wrong answer is never enough, not even
//! about our key: it may be about one model alone, and would take all the others away with it.

use domain::port::ProviderErrorKind;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures further apart are no run: a vendor that fails so seldom is asked.
const RUN_LASTS: Duration = Duration::from_secs(60);
/// When to come back while one call is trying whether the vendor is there again.
const TRIAL_TAKES: Duration = Duration::from_secs(1);

/// One vendor's breaker. Time is handed in, so it decides the same way every time.
#[derive(Debug)]
pub(super) struct Breaker {
    vendor: &'static str,
    /// Failures in a row that open it; 0 for never.
    failures: u32,
    opens_for: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed(Option<Run>),
    Open {
        until: Instant,
    },
    /// One call is trying; without its outcome the state goes back to what it was.
    Trial {
        open_until: Instant,
    },
}

/// Failures in a row.
#[derive(Clone, Copy, Debug)]
struct Run {
    trouble: Trouble,
    count: u32,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It does not answer, or not to the end.
    Down,
    /// It does not work for us.
    Refused,
}

/// What the end of a call says about its vendor.
enum Verdict {
    /// It is in trouble.
    Failed(Trouble),
    /// It is there.
    Answered,
    /// It was not asked, or its answer was lost by us.
    Nothing,
}

/// Leave to make one call. Its outcome is told with [`Pass::tell`]; a call that is given up says nothing.
#[derive(Debug)]
#[must_use = "the outcome of the call is to be told"]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    pub(super) fn new(vendor: &'static str, failures: u32, opens_for: Duration) -> Self {
        Self { vendor, failures, opens_for, state: Mutex::new(State::Closed(None)) }
    }

    /// How long calls are still refused; `None` when the next one is let through.
    pub(super) fn refuses_for(&self, now: Instant) -> Option<Duration> {
        match *self.state() {
            State::Closed(_) => None,
            State::Open { until } => {
                Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
            }
            State::Trial { .. } => Some(TRIAL_TAKES),
        }
    }

    /// Lets a call through. Once its time is over, an open breaker lets one through that tries.
    ///
    /// # Errors
    /// How long calls are still refused.
    pub(super) fn admit(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        let is_trial = match *state {
            State::Closed(_) => false,
            State::Open { until } if now < until => return Err(until - now),
            State::Open { until } => {
                *state = State::Trial { open_until: until };
                true
            }
            State::Trial { .. } => return Err(TRIAL_TAKES),
        };
        Ok(Pass { breaker: self, is_trial })
    }

    fn failed(&self, trouble: Trouble, is_trial: bool, now: Instant) {
        let mut state = self.state();
        let is_over = match &mut *state {
            State::Closed(run) => {
                let run = run.insert(Run::with(*run, trouble, now));
                self.failures > 0 && run.count >= self.failures
            }
            State::Trial { .. } => is_trial,
            // The failure of a call from before it opened is no news.
            State::Open { .. } => false,
        };
        if is_over {
            *state = State::Open { until: now + self.opens_for };
            let opens_for_ms = self.opens_for.as_millis();
            tracing::warn!(
                vendor = self.vendor,
                ?trouble,
                opens_for_ms,
                "a vendor is left alone for a while"
            );
        }
    }

    fn answered(&self) {
        let mut state = self.state();
        if !matches!(*state, State::Closed(_)) {
            tracing::info!(vendor = self.vendor, "a vendor answers again");
        }
        *state = State::Closed(None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// `before` and one failure more; a run of its own when it is of another kind, or too late.
    fn with(before: Option<Self>, trouble: Trouble, now: Instant) -> Self {
        match before {
            Some(run) if run.trouble == trouble && now.duration_since(run.since) <= RUN_LASTS => {
                Self { count: run.count + 1, ..run }
            }
            _ => Self { trouble, count: 1, since: now },
        }
    }
}

impl Pass<'_> {
    /// Tells how the call ended: well, or with an error of that kind.
    pub(super) fn tell(self, outcome: Result<(), ProviderErrorKind>, now: Instant) {
        match outcome.map_or_else(verdict, |()| Verdict::Answered) {
            Verdict::Failed(trouble) => self.breaker.failed(trouble, self.is_trial, now),
            Verdict::Answered => self.breaker.answered(),
            Verdict::Nothing => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let State::Trial { open_until } = *state
            && self.is_trial
        {
            *state = State::Open { until: open_until };
        }
    }
}

/// What an error says about the vendor as a whole.
fn verdict(kind: ProviderErrorKind) -> Verdict {
    match kind {
        ProviderErrorKind::Timeout | ProviderErrorKind::Overloaded | ProviderErrorKind::StreamCut => {
            Verdict::Failed(Trouble::Down)
        }
        ProviderErrorKind::BadKey | ProviderErrorKind::QuotaExhausted => Verdict::Failed(Trouble::Refused),
        ProviderErrorKind::RateLimited
        | ProviderErrorKind::BadResponse
        | ProviderErrorKind::JobFailed
        | ProviderErrorKind::RejectedRequest
        | ProviderErrorKind::ContentRefused
        | ProviderErrorKind::ModelGone => Verdict::Answered,
        ProviderErrorKind::NotConfigured
        | ProviderErrorKind::CircuitOpen
        | ProviderErrorKind::Busy
        | ProviderErrorKind::Local => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests;
