//! What paid things are still worth.

use super::CycleWindow;
use crate::time::Timestamp;

/// A paid cycle and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// What was paid for it, in kopecks: money, and the worth of an earlier plan that went into it.
    pub price_kopecks: i64,
    /// Its time.
    pub window: CycleWindow,
    /// NeuralBox tokens that it brought.
    pub allowance_tokens: i64,
    /// NeuralBox tokens of them that are neither spent nor held.
    pub free_tokens: i64,
}

impl Unused {
    /// What it is worth at `now`, in whole kopecks, rounded down: its price times the smaller of the share of its time that is
    /// left and the share of its tokens.
    pub fn worth_kopecks(&self, now: Timestamp) -> i64 {
        let whole_ms = self.window.ends_at.ms_since(self.window.starts_at);
        let left_ms = self.window.ends_at.ms_since(now).clamp(0, whole_ms.max(0));
        let by_time = share(self.price_kopecks, left_ms, whole_ms);
        let by_tokens = share(self.price_kopecks, self.free_tokens, self.allowance_tokens);
        by_time.min(by_tokens)
    }
}

/// What can be refunded of a package that cost `price_minor` for `tokens`, of which `free_tokens` are neither spent nor held:
/// its price times their share, rounded down, in the smallest unit of its currency.
pub fn package_refund(price_minor: i64, tokens: i64, free_tokens: i64) -> i64 {
    share(price_minor, free_tokens, tokens)
}

/// `amount * part / whole`, rounded down; 0 where there is no whole, and never more than `amount`.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let (amount, part, whole) =
        (i128::from(amount.max(0)), i128::from(part.max(0)), i128::from(whole.max(0)));
    let share = amount.checked_mul(part.min(whole)).and_then(|product| product.checked_div(whole));
    share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0)
}
