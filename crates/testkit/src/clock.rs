//! A clock that stands still until a test moves it.

use domain::{port::Clock, time::Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-22T00:00:00Z, when every test begins.
const START_UNIX_MS: i64 = 1_795_305_600_000;

/// A clock that a test moves. Both its hands move together.
#[derive(Debug)]
pub struct ManualClock {
    unix_ms: AtomicI64,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self { unix_ms: AtomicI64::new(START_UNIX_MS) }
    }
}

impl ManualClock {
    /// Moves it on.
    pub fn advance_ms(&self, ms: i64) {
        self.unix_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.unix_ms.load(Ordering::SeqCst))
    }

    fn monotonic_ms(&self) -> i64 {
        self.unix_ms.load(Ordering::SeqCst)
    }
}
