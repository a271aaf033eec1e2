//! Where and how word of events is sent.

use super::{SettingsError, ranges::within};
use serde::Deserialize;

/// The section `webhooks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookSettings {
    /// Whether messages may go to addresses that are not public.
    pub(crate) allow_private: bool,
    /// A client's server must have answered.
    pub(crate) timeout_ms: u64,
    /// Endpoints that an account may have.
    pub(crate) endpoints_per_account: u64,
    /// Messages that one process sends at the same time.
    pub(crate) sent_at_once: usize,
    /// As many of them may go to one host.
    pub(crate) sent_at_once_per_host: usize,
}

impl WebhookSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let whole = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let ranges = [
            // A delivery is left to its worker for a minute.
            ("webhooks.timeout_ms", i64::try_from(self.timeout_ms).unwrap_or(i64::MAX), 100..=30_000),
            (
                "webhooks.endpoints_per_account",
                i64::try_from(self.endpoints_per_account).unwrap_or(i64::MAX),
                0..=1_000,
            ),
            ("webhooks.sent_at_once", whole(self.sent_at_once), 1..=1_000),
            ("webhooks.sent_at_once_per_host", whole(self.sent_at_once_per_host), 1..=1_000),
        ];
        ranges.into_iter().try_for_each(|(setting, value, range)| within(setting, value, &range))
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            timeout_ms: 15_000,
            endpoints_per_account: 10,
            sent_at_once: 32,
            sent_at_once_per_host: 4,
        }
    }
}
