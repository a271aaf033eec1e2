//! How many generations an account may begin in an hour and in a day.

use crate::time::{DAY_MS, Timestamp};
use std::cmp::Reverse;

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;

/// Generations that an account may begin; 0 is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// In an hour.
    pub hourly: i64,
    /// In a day.
    pub daily: i64,
}

/// A window of fixed length, which starts with the first generation that it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateWindow {
    /// Its first instant; of no meaning while nothing is counted.
    pub started_at: Timestamp,
    /// Generations that were begun in it.
    pub count: i64,
}

/// An account's windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateWindows {
    /// The one of an hour.
    pub hour: RateWindow,
    /// The one of a day.
    pub day: RateWindow,
}

/// Where an account stands with the limit that leaves it less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// Generations in a window.
    pub limit: i64,
    /// Those that are left of it.
    pub remaining: i64,
    /// Milliseconds until its window ends; the whole of it where none has begun.
    pub reset_ms: i64,
}

impl RateWindows {
    /// Counts one generation that is begun at `now`; also where nothing is limited, for by it a wallet shows that it has changed.
    ///
    /// # Errors
    /// The limit that leaves none; where both do, the one that lasts longer.
    pub fn count(self, limits: RateLimits, now: Timestamp) -> Result<Self, RateState> {
        match self.state(limits, now) {
            Some(state) if state.remaining == 0 => Err(state),
            _ => Ok(Self { hour: self.hour.with_one(HOUR_MS, now), day: self.day.with_one(DAY_MS, now) }),
        }
    }

    /// Where the account stands at `now`; `None` when nothing is limited.
    pub fn state(self, limits: RateLimits, now: Timestamp) -> Option<RateState> {
        let windows = [(limits.hourly, HOUR_MS, self.hour), (limits.daily, DAY_MS, self.day)];
        let limited = windows.into_iter().filter(|(limit, ..)| *limit > 0);
        limited
            .map(|(limit, length_ms, window)| {
                let window = window.at(length_ms, now);
                RateState {
                    limit,
                    remaining: limit.saturating_sub(window.count).max(0),
                    reset_ms: window.started_at.plus_ms(length_ms).ms_since(now),
                }
            })
            .min_by_key(|state| (state.remaining, Reverse(state.reset_ms)))
    }
}

impl RateWindow {
    /// The window that runs at `now`: this one, or one that would begin now.
    fn at(self, length_ms: i64, now: Timestamp) -> Self {
        // A start that lies ahead was written by a clock that is ahead of ours. One that lies further ahead than a window
        // is long was written by a clock that was wrong, and must not shut the account out until then.
        let age_ms = now.ms_since(self.started_at);
        let runs = self.count > 0 && age_ms < length_ms && age_ms.saturating_neg() < length_ms;
        if runs { self } else { Self { started_at: now, count: 0 } }
    }

    fn with_one(self, length_ms: i64, now: Timestamp) -> Self {
        let window = self.at(length_ms, now);
        Self { count: window.count.saturating_add(1), ..window }
    }
}

impl RateState {
    /// Whole seconds until the window has ended.
    pub const fn reset_s(self) -> i64 {
        self.reset_ms.saturating_add(999).saturating_div(1_000)
    }
}
