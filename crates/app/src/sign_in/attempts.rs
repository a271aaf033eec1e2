//! Passwords that were tried of late, by e-mail address. Kept by each process for itself: whoever shares the load between
//! several processes may try as often at each.

use crate::{Error, key};
use moka::sync::Cache;

/// Milliseconds after the first attempt at which counting begins anew.
const WINDOW_MS: i64 = 15 * 60 * 1_000;
/// Addresses that are kept in mind; then those that are tried least give way.
const KEPT: u64 = 100_000;

/// Attempts by e-mail address, whether it has an account or not.
pub(crate) struct Attempts {
    most: u32,
    tried: Cache<String, Tried>,
}

#[derive(Clone, Copy)]
struct Tried {
    since_ms: i64,
    count: u32,
}

impl Attempts {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, tried: Cache::new(KEPT) }
    }

    /// Counts an attempt before it is made, so that of many at once no more are made than may be.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub(super) fn count(&self, email: &str, now_ms: i64) -> Result<(), Error> {
        let entry = self.tried.entry(name(email)).and_upsert_with(|tried| {
            let running = tried.map(moka::Entry::into_value);
            let running = running.filter(|tried| now_ms.saturating_sub(tried.since_ms) < WINDOW_MS);
            let Tried { since_ms, count } = running.unwrap_or(Tried { since_ms: now_ms, count: 0 });
            Tried { since_ms, count: count.saturating_add(1) }
        });
        let Tried { since_ms, count } = entry.into_value();
        if count <= self.most {
            return Ok(());
        }
        let left_ms = since_ms.saturating_add(WINDOW_MS).saturating_sub(now_ms);
        Err(Error::TooManyAttempts { retry_after_s: u32::try_from(left_ms / 1_000 + 1).unwrap_or(u32::MAX) })
    }

    /// Forgets the attempts of somebody who knew the password.
    pub(super) fn forgive(&self, email: &str) {
        self.tried.invalidate(&name(email));
    }
}

/// All are of one length, however long an address somebody sends.
fn name(email: &str) -> String {
    key::hash(email.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_may_be_tried_in_a_quarter_of_an_hour() {
        let attempts = Attempts::new(2);
        let refused = |email: &str, now_ms: i64| match attempts.count(email, now_ms) {
            Err(Error::TooManyAttempts { retry_after_s }) => Some(retry_after_s),
            _ => None,
        };
        assert_eq!(
            [refused("Ann@a", 0), refused("ann@A", 10), refused("ann@a", 1_000)],
            [None, None, Some(900)]
        );
        assert_eq!(refused("bob@a", 1_000), None);
        assert_eq!([refused("ann@a", WINDOW_MS - 1), refused("ann@a", WINDOW_MS)], [Some(1), None]);
        attempts.forgive("ANN@a");
        assert_eq!([refused("ann@a", WINDOW_MS), refused("ann@a", WINDOW_MS)], [None, None]);
    }
}
