//! When renewals are charged.

use super::SettingsError;
use domain::{billing::RenewalRules, time::DAY_MS};
use serde::Deserialize;

/// The section `billing`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BillingSettings {
    /// Hours before a cycle's end at which the next one is charged for the first time.
    pub(crate) renew_ahead_hours: i64,
    /// Days after that at which a declined charge is tried again.
    pub(crate) retry_days: Vec<i64>,
    /// Days after a cycle's end for which the plan is kept while a charge may still succeed.
    pub(crate) grace_days: i64,
    /// Hours after the end of a period paid in Stars for which word of the next payment is waited for.
    pub(crate) stars_grace_hours: i64,
}

impl BillingSettings {
    /// The same in milliseconds.
    pub(crate) fn rules(&self) -> RenewalRules {
        const HOUR_MS: i64 = 3_600_000;
        RenewalRules {
            ahead_ms: self.renew_ahead_hours * HOUR_MS,
            retries_ms: self.retry_days.iter().map(|days| days * DAY_MS).collect(),
            grace_ms: self.grace_days * DAY_MS,
            stars_grace_ms: self.stars_grace_hours * HOUR_MS,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let ranges = [
            ("billing.renew_ahead_hours", self.renew_ahead_hours, 0, 7 * 24),
            ("billing.grace_days", self.grace_days, 0, 28),
            ("billing.stars_grace_hours", self.stars_grace_hours, 0, 7 * 24),
        ];
        for (setting, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(SettingsError::bad(setting, format!("must lie in {min}..{max}")));
            }
        }
        let in_range = self.retry_days.iter().all(|day| (1..=28).contains(day));
        if !in_range || self.retry_days.len() > 10 || !self.retry_days.is_sorted_by(|a, b| a < b) {
            let message = "must be at most 10 growing numbers of days in 1..28";
            return Err(SettingsError::bad("billing.retry_days", message));
        }
        Ok(())
    }
}

impl Default for BillingSettings {
    fn default() -> Self {
        Self { renew_ahead_hours: 24, retry_days: vec![1, 2, 4, 6], grace_days: 7, stars_grace_hours: 24 }
    }
}
