//! Messages to servers that clients name. Such an address is as much a way into our own network as one that is fetched from,
//! so it is checked in the same way: where it is resolved, so that what was checked is what is connected to.

use super::{FetchError, Network, address, http_client, port::message, resolve::PublicOnly, target};
use domain::port::WebhookSender;
use reqwest::{Url, header::CONTENT_TYPE, redirect::Policy};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// To reach a server, its name and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to one host that are kept for the next message.
const IDLE_PER_HOST: usize = 2;

/// How messages are sent.
#[derive(Clone, Copy, Debug)]
pub struct WebhookClientSettings {
    /// Milliseconds in which a server must have answered.
    pub timeout_ms: u64,
    /// Whether messages may go to addresses that are not public.
    pub allow_private: bool,
}

/// Sends messages. Made once at the start; it keeps connections.
pub struct WebhookClient {
    http: reqwest::Client,
    is_allowed: fn(IpAddr) -> bool,
    allow_private: bool,
}

impl WebhookClient {
    /// Makes a client on this machine's network.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] when no HTTP client can be made.
    pub fn new(settings: WebhookClientSettings) -> Result<Self, FetchError> {
        Self::with_network(settings, Network::default())
    }

    /// Makes a client that resolves names, and tells public addresses from others, in its own way.
    ///
    /// # Errors
    /// As [`WebhookClient::new`].
    pub fn with_network(settings: WebhookClientSettings, network: Network) -> Result<Self, FetchError> {
        let Network { resolver, is_public } = network;
        let is_allowed: fn(IpAddr) -> bool = if settings.allow_private { |_| true } else { is_public };
        let resolver = PublicOnly { inner: Arc::clone(&resolver), is_public: is_allowed };
        let http = http_client(|| {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(Duration::from_millis(settings.timeout_ms))
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .redirect(Policy::none())
                .no_proxy()
                .user_agent(concat!("neuralbox/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(resolver.clone())
        })?;
        Ok(Self { http, is_allowed, allow_private: settings.allow_private })
    }

    fn check(&self, url: &str) -> Result<Url, FetchError> {
        let checked = target::check(Url::parse(url), self.is_allowed)?;
        if !self.allow_private && address::leads_to_private(url) {
            return Err(FetchError::Forbidden);
        }
        Ok(checked)
    }
}

#[async_trait::async_trait]
impl WebhookSender for WebhookClient {
    fn host(&self, url: &str) -> Result<String, String> {
        let url = self.check(url).map_err(|error| error.to_string())?;
        Ok(url.host_str().unwrap_or_default().to_owned())
    }

    async fn send(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, String> {
        let url = self.check(url).map_err(|error| error.to_string())?;
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.send().await.map_err(|error| message(&FetchError::before_body(error)))?;
        Ok(answer.status().as_u16())
    }
}
