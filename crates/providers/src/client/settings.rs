//! What an operator sets.

use secrecy::SecretString;
use serde::Deserialize;

/// Limits on calls to vendors.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// Milliseconds to reach a vendor, TLS included.
    pub connect_timeout_ms: u64,
    /// Milliseconds that a stream may be silent, before its first byte and after it.
    pub idle_timeout_ms: u64,
    /// Milliseconds for asking after a job, or for stopping it, repeats included.
    pub poll_timeout_ms: i64,
    /// Bytes that an answer may have, streamed or not.
    pub max_response_bytes: usize,
    /// Bytes that a result may have, be it an answer that is a file or a file at an address.
    pub max_result_bytes: u64,
    /// Attempts for one call, at most; 0 counts as 1. Only what cannot be billed twice is tried again.
    pub max_attempts: usize,
    /// Milliseconds before the second attempt, at least; each further pause is twice as long.
    pub first_backoff_ms: u64,
    /// Milliseconds of pause, before chance makes it up to twice as long.
    pub max_backoff_ms: u64,
    /// Milliseconds that a vendor may ask us to wait. When it asks for more, the call fails at once.
    pub max_retry_after_ms: u64,
    /// Milliseconds that a call may wait for others to end while its vendor has all the work that it is to have at once.
    pub max_queue_ms: u64,
    /// Calls in a row that must fail, within a minute, before a vendor is left alone; 0 for never.
    pub breaker_failures: u32,
    /// Milliseconds for which it is left alone. Then one call tries.
    pub breaker_open_ms: u64,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            idle_timeout_ms: 60_000,
            poll_timeout_ms: 30_000,
            max_response_bytes: 8 * 1024 * 1024,
            max_result_bytes: 256 * 1024 * 1024,
            max_attempts: 3,
            first_backoff_ms: 500,
            max_backoff_ms: 8_000,
            max_retry_after_ms: 20_000,
            max_queue_ms: 10_000,
            breaker_failures: 20,
            breaker_open_ms: 15_000,
        }
    }
}

/// One vendor's access.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VendorSettings {
    /// The key. Without one the vendor's models cannot be used.
    pub api_key: Option<SecretString>,
    /// Where the vendor is reached, path included, in place of its own address.
    pub base_url: Option<String>,
    /// Calls that may be under way there at the same time, from this process; 0 counts as 1. Asking after jobs does not count.
    pub max_concurrency: usize,
    /// Whether the vendor is given an address at which it tells how its jobs stand, where it does such things. Only of use
    /// while this service has a public address.
    pub callbacks: bool,
    /// What such a vendor signs with, where it does: `whsec_…`.
    pub webhook_secret: Option<SecretString>,
    /// What the vendor may cost us in a day of UTC, in micro-dollars of the catalog's prices. The client does not look at it.
    pub daily_spend_micro_usd: Option<i64>,
}

impl Default for VendorSettings {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            max_concurrency: 64,
            callbacks: false,
            webhook_secret: None,
            daily_spend_micro_usd: None,
        }
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A base URL that cannot be used.
    #[error("the base URL of {vendor} {message}")]
    BaseUrl {
        /// The vendor.
        vendor: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A key that no HTTP header can carry.
    #[error("the API key of {vendor} holds characters that no HTTP header can carry")]
    Key {
        /// The vendor.
        vendor: &'static str,
    },
    /// Callbacks of a vendor that has none.
    #[error("{vendor} has no callbacks")]
    NoCallbacks {
        /// The vendor.
        vendor: &'static str,
    },
    /// A secret that is none, or is needed and missing, or is for nothing.
    #[error("the webhook secret of {vendor} {message}")]
    WebhookSecret {
        /// The vendor.
        vendor: &'static str,
        /// What is wrong.
        message: &'static str,
    },
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client")]
    Http(#[source] reqwest::Error),
}

/// The URL without slashes at its end.
pub(super) fn check_base_url(vendor: &'static str, url: &str) -> Result<String, ClientError> {
    let wrong = |message: &str| ClientError::BaseUrl { vendor, message: message.to_owned() };
    let parsed = reqwest::Url::parse(url).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(wrong("must begin with http:// or https://"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong("must have no query and no fragment"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong("must hold no user and no password"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}
