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
    /// A clock that begins at the machine's own time, for what is signed by that.
    #[expect(clippy::disallowed_methods, reason = "the sandbox signs by the machine's own time")]
    pub fn at_present() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ms = now.expect("a time after 1970").as_millis();
        Self { unix_ms: AtomicI64::new(i64::try_from(ms).expect("a time before the year 292,278,994")) }
    }

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
