//! What a single address, a connection, a request and an account may ask of a process.

use super::{
    SettingsError,
    ranges::{KIB, MIB, whole, within},
};
use api::HttpLimits;
use serde::Deserialize;

/// The section `limits`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitSettings {
    /// Requests without a key, of one address and in one minute: all but those for signing in.
    pub(crate) public_per_minute: u32,
    /// Those for signing in.
    pub(crate) sign_in_per_minute: u32,
    /// Connections that are open at the same time.
    pub(crate) max_connections: usize,
    /// The head of a request.
    pub(crate) head_timeout_ms: u64,
    pub(crate) max_headers: usize,
    pub(crate) max_head_bytes: usize,
    /// A body that is no upload.
    pub(crate) max_body_bytes: usize,
    pub(crate) body_timeout_ms: u64,
    /// The whole of an upload.
    pub(crate) upload_timeout_ms: u64,
    /// Streams that an account reads at the same time.
    pub(crate) streams_per_account: usize,
}

impl LimitSettings {
    /// For the API.
    pub(crate) const fn http(&self) -> HttpLimits {
        HttpLimits {
            max_connections: self.max_connections,
            head_timeout_ms: self.head_timeout_ms,
            max_headers: self.max_headers,
            max_head_bytes: self.max_head_bytes,
            max_body_bytes: self.max_body_bytes,
            body_timeout_ms: self.body_timeout_ms,
            upload_timeout_ms: self.upload_timeout_ms,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let ranges = [
            ("limits.public_per_minute", self.public_per_minute.into(), 1..=1_000_000),
            ("limits.sign_in_per_minute", self.sign_in_per_minute.into(), 1..=1_000_000),
            ("limits.max_connections", whole(self.max_connections), 1..=1_000_000),
            ("limits.head_timeout_ms", whole(self.head_timeout_ms), 1_000..=600_000),
            ("limits.max_headers", whole(self.max_headers), 16..=1_000),
            ("limits.max_head_bytes", whole(self.max_head_bytes), 4 * KIB..=MIB),
            ("limits.max_body_bytes", whole(self.max_body_bytes), 64 * KIB..=256 * MIB),
            ("limits.body_timeout_ms", whole(self.body_timeout_ms), 1_000..=600_000),
            ("limits.upload_timeout_ms", whole(self.upload_timeout_ms), 1_000..=3_600_000),
            ("limits.streams_per_account", whole(self.streams_per_account), 1..=10_000),
        ];
        ranges.into_iter().try_for_each(|(setting, value, range)| within(setting, value, &range))
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let http = HttpLimits::default();
        Self {
            public_per_minute: 600,
            sign_in_per_minute: 20,
            max_connections: http.max_connections,
            head_timeout_ms: http.head_timeout_ms,
            max_headers: http.max_headers,
            max_head_bytes: http.max_head_bytes,
            max_body_bytes: http.max_body_bytes,
            body_timeout_ms: http.body_timeout_ms,
            upload_timeout_ms: http.upload_timeout_ms,
            streams_per_account: 64,
        }
    }
}
