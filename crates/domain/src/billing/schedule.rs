//! When cycles start and end, and when renewals are tried.

use crate::time::{DAY_MS, Timestamp};

/// Milliseconds for which one payment by Telegram Stars lasts: 2,592,000 s, the only period that the service has.
pub const STARS_PERIOD_MS: i64 = 30 * DAY_MS;

/// The time of one cycle: from `starts_at` to just before `ends_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleWindow {
    /// Its first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

/// The time of cycle `index` (from 0) of a subscription that began at `anchor`: it starts that many calendar months after
/// the anchor, clamped to the month's end. Each is reckoned from the anchor itself, so that 31 January goes over 28 February
/// to 31 March. `None` beyond the calendar's end, or for an index below 0.
pub fn cycle_window(anchor: Timestamp, index: i64) -> Option<CycleWindow> {
    let index = u32::try_from(index).ok()?;
    Some(CycleWindow {
        starts_at: anchor.plus_months(index)?,
        ends_at: anchor.plus_months(index.checked_add(1)?)?,
    })
}

/// The cycle that runs at `now`; 0 before the anchor.
pub fn cycle_index_at(anchor: Timestamp, now: Timestamp) -> Option<i64> {
    // No month is longer than 31 days, so this many cycles have passed at least.
    let mut index = now.ms_since(anchor).max(0).checked_div(31_i64.checked_mul(DAY_MS)?)?;
    while cycle_window(anchor, index)?.ends_at <= now {
        index = index.checked_add(1)?;
    }
    Some(index)
}

/// When renewals are charged, and what becomes of those that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalRules {
    /// Milliseconds before a cycle's end at which the next one is charged for the first time.
    pub ahead_ms: i64,
    /// Milliseconds after that at which a declined charge is tried again, growing.
    pub retries_ms: Vec<i64>,
    /// Milliseconds after a cycle's end for which the plan is kept while a charge may still succeed.
    pub grace_ms: i64,
    /// Milliseconds after the end of a period of Telegram's for which word of the next payment is waited for.
    pub stars_grace_ms: i64,
}

impl RenewalRules {
    /// When to charge after `declines` charges were declined; `None` when there is to be none any more.
    pub fn charge_at(&self, cycle_ends_at: Timestamp, declines: i64) -> Option<Timestamp> {
        let first = cycle_ends_at.plus_ms(self.ahead_ms.saturating_neg());
        match usize::try_from(declines).ok()?.checked_sub(1) {
            None => Some(first),
            Some(retry) => self.retries_ms.get(retry).map(|after_ms| first.plus_ms(*after_ms)),
        }
    }
}
