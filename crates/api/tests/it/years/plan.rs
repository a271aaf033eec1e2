//! How long, how many, and by which seed.

use domain::time::DAY_MS;
use std::env;

/// A run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) accounts: u64,
    pub(super) years: i64,
    pub(super) seed: u64,
    /// Whether somebody watches, and wants to hear how it goes.
    pub(super) is_watched: bool,
}

impl Plan {
    /// What `cargo xtask billing-years` asks for, or what is small enough for each run of the tests.
    pub(super) fn from_env() -> Self {
        let asked =
            |name: &str| env::var(format!("NEURALBOX_YEARS_{name}")).ok().and_then(|text| text.parse().ok());
        Self {
            accounts: asked("ACCOUNTS").unwrap_or(8),
            years: asked("YEARS").and_then(|years| i64::try_from(years).ok()).unwrap_or(2),
            seed: asked("SEED").unwrap_or(20_261_122),
            is_watched: asked("ACCOUNTS").is_some(),
        }
    }

    /// Milliseconds that it lasts.
    pub(super) fn lasts_ms(self) -> i64 {
        self.years * 365 * DAY_MS
    }
}
