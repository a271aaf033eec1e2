//! The IO that all vendors have in common.

mod attempt;
mod redact;
mod retry;
mod settings;

pub use settings::{ClientError, ClientSettings, VendorSettings};

use crate::{
    adapter::{Adapter, KeyCarrier},
    vendor::ADAPTERS,
};
use attempt::{Attempt, Failure};
use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{
    catalog::Category,
    port::{Answer, Call, Provider, ProviderError, ProviderErrorKind},
};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// All vendors, reached over HTTP. Made once at the start; connections are kept and shared by all calls.
pub struct Client {
    http: reqwest::Client,
    settings: ClientSettings,
    vendors: BTreeMap<&'static str, Vendor>,
}

struct Vendor {
    adapter: &'static dyn Adapter,
    base_url: String,
    key: Option<Key>,
}

struct Key {
    secret: SecretString,
    header: (HeaderName, HeaderValue),
}

type OnDelta<'a> = &'a mut (dyn for<'d> FnMut(&'d str) + Send);

impl Client {
    /// Makes the client. `vendors` is by the names of [`crate::vendors`]; other names are left alone. A vendor without
    /// a key, or with an empty one, is not configured.
    ///
    /// # Errors
    /// Names the vendor whose base URL or key cannot be used.
    pub fn new(
        settings: ClientSettings,
        mut vendors: BTreeMap<String, VendorSettings>,
    ) -> Result<Self, ClientError> {
        let mut known = BTreeMap::new();
        for adapter in ADAPTERS.iter().copied() {
            let given = vendors.remove(adapter.vendor()).unwrap_or_default();
            known.insert(adapter.vendor(), Vendor::new(adapter, given)?);
        }
        Ok(Self { http: http_client(&settings)?, settings, vendors: known })
    }

    fn vendor(&self, name: &str) -> Option<&Vendor> {
        self.vendors.get(name)
    }

    /// Tries until there is an answer, a failure that a repeat could make worse or could not mend, or no time.
    async fn attempts(
        &self,
        attempt: Attempt<'_>,
        on_delta: OnDelta<'_>,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let mut delays = self.delays();
        loop {
            let Failure { error, may_repeat } = match attempt.run(on_delta).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let Some(delay) = delays.next().filter(|_| may_repeat) else { return Err(error) };
            let asked_ms = error.retry_after_ms.map_or(0, |ms| u64::try_from(ms).unwrap_or_default());
            let wait = delay.max(Duration::from_millis(asked_ms));
            if asked_ms > self.settings.max_retry_after_ms || Instant::now() + wait >= deadline {
                return Err(error);
            }
            let (vendor, kind, wait_ms) =
                (attempt.vendor.adapter.vendor(), error.kind.name(), wait.as_millis());
            tracing::info!(vendor, kind, wait_ms, "a vendor did not answer; it is asked again");
            tokio::time::sleep(wait).await;
        }
    }

    /// The pauses between attempts: doubling, and random so that callers who failed together do not return together.
    fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(self.settings.first_backoff_ms))
            .with_max_delay(Duration::from_millis(self.settings.max_backoff_ms))
            .with_max_times(self.settings.max_attempts.saturating_sub(1))
            .build()
    }
}

#[async_trait::async_trait]
impl Provider for Client {
    fn serves(&self, vendor: &str, category: Category) -> bool {
        self.vendor(vendor).is_some_and(|vendor| vendor.adapter.serves(category))
    }

    fn is_configured(&self, vendor: &str) -> bool {
        self.vendor(vendor).is_some_and(|vendor| vendor.key.is_some())
    }

    async fn call(
        &self,
        call: &Call,
        on_delta: &mut (dyn for<'a> FnMut(&'a str) + Send),
    ) -> Result<Answer, ProviderError> {
        let not_configured = |what: &str| {
            ProviderError::new(
                ProviderErrorKind::NotConfigured,
                format!("there is no {what} for {}", call.vendor),
            )
        };
        let vendor = self.vendor(&call.vendor).ok_or_else(|| not_configured("adapter"))?;
        let key = vendor.key.as_ref().ok_or_else(|| not_configured("key"))?;
        let total = Duration::from_millis(u64::try_from(call.timeout_ms).unwrap_or_default());
        let attempt = Attempt::new(&self.http, &self.settings, vendor, key, call)?;
        let deadline = Instant::now() + total;
        let result = tokio::time::timeout(total, self.attempts(attempt, on_delta, deadline)).await;
        let result = result.unwrap_or_else(|_| {
            let message = format!("no answer within {} ms", call.timeout_ms);
            Err(ProviderError::new(ProviderErrorKind::Timeout, message))
        });
        result.map_err(|error| ProviderError {
            message: redact::for_operators(&error.message, key.secret.expose_secret()),
            ..error
        })
    }
}

impl Vendor {
    fn new(adapter: &'static dyn Adapter, given: VendorSettings) -> Result<Self, ClientError> {
        let vendor = adapter.vendor();
        let base_url = match &given.base_url {
            Some(url) => settings::check_base_url(vendor, url)?,
            None => adapter.default_base_url().to_owned(),
        };
        let secret = given.api_key.filter(|key| !key.expose_secret().is_empty());
        let key = secret.map(|secret| Key::new(adapter, secret)).transpose()?;
        Ok(Self { adapter, base_url, key })
    }
}

impl Key {
    fn new(adapter: &dyn Adapter, secret: SecretString) -> Result<Self, ClientError> {
        let (name, value) = match adapter.key_carrier() {
            KeyCarrier::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.expose_secret())),
            KeyCarrier::Header(name) => (HeaderName::from_static(name), secret.expose_secret().to_owned()),
        };
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| ClientError::Key { vendor: adapter.vendor() })?;
        value.set_sensitive(true);
        Ok(Self { secret, header: (name, value) })
    }
}

/// How long an unused connection is kept. Vendors close theirs after a minute or more; a request that crosses with the
/// closing is lost and, as it may have been read, not sent again.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Redirects are not followed, as they would carry the key and the prompt elsewhere; nor does the environment choose a
/// proxy.
fn http_client(settings: &ClientSettings) -> Result<reqwest::Client, ClientError> {
    // An error says that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("neuralbox/", env!("CARGO_PKG_VERSION")))
    };
    // A bare container has no certificates, and needs none to talk to a sandbox. Without any, every https vendor is
    // distrusted.
    builder().build().or_else(|error| {
        let client = builder().tls_certs_only([]).build().map_err(|_| ClientError::Http(error))?;
        tracing::warn!("this system has no CA certificates; vendors can be reached only by http");
        Ok(client)
    })
}
