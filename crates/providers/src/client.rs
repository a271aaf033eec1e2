//! The IO that all vendors have in common.

mod admission;
mod attempt;
mod body;
mod breaker;
mod callbacks;
mod media;
mod observe;
mod redact;
mod retry;
mod settings;
mod slots;

pub use observe::{Observed, Observer, Shown};
pub use settings::{ClientError, ClientSettings, VendorSettings};

use crate::{
    adapter::{Adapter, InputForm, Repeat, rejected},
    fetch::leads_to_private,
    vendor::ADAPTERS,
};
use admission::Admission;
use attempt::Attempt;
use callbacks::Verification;
use domain::{
    catalog::Category,
    media::{JobState, Made, MediaCall},
    params::FieldError,
    port::{Answer, Call, Callback, Provider, ProviderError, ProviderErrorKind},
    time::Timestamp,
};
use http::{HeaderName, HeaderValue};
use media::MediaRun;
use retry::Patience;
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
    admission: Admission,
    callbacks: Verification,
    observer: Option<Observer>,
}

struct Key {
    secret: SecretString,
    headers: Vec<(HeaderName, HeaderValue)>,
}

type OnDelta<'a> = &'a mut (dyn for<'d> FnMut(&'d str) + Send);

impl Client {
    /// Makes the client. `vendors` is by the names of [`crate::vendors`]; other names are left alone. A vendor without
    /// a key, or with an empty one, or without a base URL, is not configured.
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
            known.insert(adapter.vendor(), Vendor::new(adapter, given, &settings)?);
        }
        Ok(Self { http: http_client(&settings)?, settings, vendors: known })
    }

    /// The same client, which tells `observer` what goes to vendors and when an answer comes.
    #[must_use]
    pub fn observed_by(mut self, observer: &Observer) -> Self {
        for vendor in self.vendors.values_mut() {
            vendor.observer = Some(Observer::clone(observer));
        }
        self
    }

    fn media<'a>(
        &'a self,
        vendor: &'a Vendor,
        key: &'a Key,
        call: &'a MediaCall,
        timeout_ms: i64,
    ) -> Result<MediaRun<'a>, ProviderError> {
        let media = vendor.adapter.media();
        let adapter = media.ok_or_else(|| rejected("the vendor has text models only"))?;
        let deadline = Instant::now() + duration(timeout_ms);
        Ok(MediaRun { http: &self.http, settings: &self.settings, vendor, key, adapter, call, deadline })
    }

    fn patience(&self, vendor: &Vendor, deadline: Instant) -> Patience {
        Patience::new(&self.settings, vendor.adapter.vendor(), deadline)
    }

    /// The vendor of that name and our key there.
    fn access(&self, name: &str) -> Result<(&Vendor, &Key), ProviderError> {
        let not_configured = |what: &str| {
            ProviderError::new(ProviderErrorKind::NotConfigured, format!("there is no {what} for {name}"))
        };
        let vendor = self.vendors.get(name).ok_or_else(|| not_configured("adapter"))?;
        let key = vendor.key.as_ref().ok_or_else(|| not_configured("key"))?;
        // A vendor without an address of its own needs one from the operator.
        if vendor.base_url.is_empty() {
            return Err(not_configured("base URL"));
        }
        Ok((vendor, key))
    }

    /// Lets `work` in at its vendor and gives it so many milliseconds, the wait before its door included.
    async fn admitted<T>(
        (vendor, key): (&Vendor, &Key),
        timeout_ms: i64,
        work: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let begun_at = Instant::now();
        let admitted = vendor.admission.enter(duration(timeout_ms)).await?;
        let waited_ms = i64::try_from(begun_at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let result = Self::within(timeout_ms.saturating_sub(waited_ms), key, work).await;
        admitted.tell(&result);
        result
    }

    /// Gives `work` so many milliseconds, and takes secrets out of its error.
    async fn within<T>(
        timeout_ms: i64,
        key: &Key,
        work: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let result = tokio::time::timeout(duration(timeout_ms), work).await;
        let result = result.unwrap_or_else(|_| {
            let message = format!("no answer within {timeout_ms} ms");
            Err(ProviderError::new(ProviderErrorKind::Timeout, message))
        });
        result.map_err(|error| ProviderError {
            message: redact::for_operators(&error.message, key.secret.expose_secret()),
            ..error
        })
    }
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

#[async_trait::async_trait]
impl Provider for Client {
    fn serves(&self, vendor: &str, category: Category) -> bool {
        self.vendors.get(vendor).is_some_and(|vendor| vendor.adapter.serves(category))
    }

    fn is_configured(&self, vendor: &str) -> bool {
        self.access(vendor).is_ok()
    }

    async fn call(
        &self,
        call: &Call,
        on_delta: &mut (dyn for<'a> FnMut(&'a str) + Send),
    ) -> Result<Answer, ProviderError> {
        let (vendor, key) = self.access(&call.vendor)?;
        let attempt = Attempt::new(&self.http, &self.settings, vendor, key, call)?;
        let mut patience = self.patience(vendor, Instant::now() + duration(call.timeout_ms));
        let attempts = async {
            loop {
                match attempt.run(&mut *on_delta).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => patience.wait_after(failure, Repeat::Conversation).await?,
                }
            }
        };
        Self::admitted((vendor, key), call.timeout_ms, attempts).await
    }

    async fn make(&self, call: &MediaCall) -> Result<Made, ProviderError> {
        let (vendor, key) = self.access(&call.vendor)?;
        let made = self.media(vendor, key, call, call.timeout_ms)?.make();
        Self::admitted((vendor, key), call.timeout_ms, made).await
    }

    async fn poll(&self, call: &MediaCall, state: &JobState) -> Result<Made, ProviderError> {
        let (vendor, key) = self.access(&call.vendor)?;
        let timeout_ms = self.settings.poll_timeout_ms;
        let polled = self.media(vendor, key, call, timeout_ms)?.poll(state);
        Self::within(timeout_ms, key, polled).await
    }

    async fn cancel(&self, call: &MediaCall, state: &JobState) -> Result<bool, ProviderError> {
        let (vendor, key) = self.access(&call.vendor)?;
        let timeout_ms = self.settings.poll_timeout_ms;
        let canceled = self.media(vendor, key, call, timeout_ms)?.cancel(state);
        Self::within(timeout_ms, key, canceled).await
    }

    fn ready(&self, vendor: &str) -> Result<(), ProviderError> {
        self.vendors.get(vendor).map_or(Ok(()), |vendor| vendor.admission.check())
    }

    fn is_private(&self, vendor: &str) -> bool {
        self.vendors.get(vendor).is_some_and(|vendor| leads_to_private(&vendor.base_url))
    }

    fn takes_callbacks(&self, vendor: &str) -> bool {
        self.vendors.get(vendor).is_some_and(|vendor| vendor.callbacks.is_on())
    }

    fn is_genuine(&self, vendor: &str, callback: &Callback, now: Timestamp) -> bool {
        self.vendors.get(vendor).is_some_and(|vendor| vendor.callbacks.is_genuine(callback, now))
    }

    fn check(&self, call: &MediaCall) -> Result<(), Vec<FieldError>> {
        let media = self.vendors.get(call.vendor.as_str()).and_then(|vendor| vendor.adapter.media());
        let wrong = media.map(|media| media.check(call)).unwrap_or_default();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn check_chat(&self, call: &Call) -> Result<(), Vec<FieldError>> {
        let chat = self.vendors.get(call.vendor.as_str()).and_then(|vendor| vendor.adapter.chat());
        let wrong = chat.map(|chat| chat.check(call)).unwrap_or_default();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn wants_url(&self, call: &MediaCall, input: &str) -> bool {
        let media = self.vendors.get(call.vendor.as_str()).and_then(|vendor| vendor.adapter.media());
        media.is_some_and(|media| media.input_form(call, input) == InputForm::Url)
    }
}

impl Vendor {
    fn new(
        adapter: &'static dyn Adapter,
        given: VendorSettings,
        settings: &ClientSettings,
    ) -> Result<Self, ClientError> {
        let vendor = adapter.vendor();
        let base_url = match &given.base_url {
            Some(url) => settings::check_base_url(vendor, url)?,
            None => adapter.default_base_url().to_owned(),
        };
        let callbacks = Verification::new(adapter, &given)?;
        let secret = given.api_key.filter(|key| !key.expose_secret().is_empty());
        let key = secret.map(|secret| Key::new(adapter, secret)).transpose()?;
        let admission = Admission::new(vendor, settings, given.max_concurrency);
        Ok(Self { adapter, base_url, key, admission, callbacks, observer: None })
    }
}

impl Key {
    fn new(adapter: &dyn Adapter, secret: SecretString) -> Result<Self, ClientError> {
        let mut headers = Vec::new();
        for (name, value) in adapter.key_carrier().headers(secret.expose_secret()) {
            let value = HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| ClientError::Key { vendor: adapter.vendor() })?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(Self { secret, headers })
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
