//! Files from elsewhere: what vendors made, and what clients name by address.
//!
//! A client's address is a way into our own network (server-side request forgery), so the addresses of a host are
//! checked where they are resolved: what was checked is what is connected to, whatever the name resolves to next.
//! Redirects are followed by hand, each hop checked like the first, and nothing is carried from one to the next.

mod address;
mod error;
mod port;
mod resolve;
mod save;
mod target;
mod webhook;

pub use address::{is_public, leads_to_private};
pub use error::FetchError;
pub use resolve::Network;
pub use webhook::{WebhookClient, WebhookClientSettings};

use domain::port::FetchLimits;
use reqwest::{Response, StatusCode, Url, redirect::Policy};
use resolve::PublicOnly;
use serde::Deserialize;
use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

/// Limits on fetching files.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchSettings {
    /// Milliseconds to reach a host, its name and TLS included.
    pub connect_timeout_ms: u64,
    /// Milliseconds for a whole file, redirects included.
    pub total_timeout_ms: u64,
    /// Milliseconds that a host may be silent, before its first byte and after it.
    pub idle_timeout_ms: u64,
    /// Redirects that are followed for one file.
    pub max_redirects: usize,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            total_timeout_ms: 300_000,
            idle_timeout_ms: 30_000,
            max_redirects: 3,
        }
    }
}

/// Fetches files. Made once at the start; it keeps connections.
pub struct Fetcher {
    settings: FetchSettings,
    is_public: fn(IpAddr) -> bool,
    // Two clients, so that a connection made without the check is never used again with it.
    checked: reqwest::Client,
    unchecked: reqwest::Client,
}

impl Fetcher {
    /// Makes a fetcher on this machine's network.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] when no HTTP client can be made.
    pub fn new(settings: FetchSettings) -> Result<Self, FetchError> {
        Self::with_network(settings, Network::default())
    }

    /// Makes a fetcher that resolves names, and tells public addresses from others, in its own way.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn with_network(settings: FetchSettings, network: Network) -> Result<Self, FetchError> {
        let Network { resolver, is_public } = network;
        let public_only = PublicOnly { inner: Arc::clone(&resolver), is_public };
        let checked = http_client(|| client_builder(&settings).dns_resolver(public_only.clone()))?;
        let unchecked = http_client(|| client_builder(&settings).dns_resolver(Arc::clone(&resolver)))?;
        Ok(Self { settings, is_public, checked, unchecked })
    }

    /// Fetches `url` into `dest`, which is made, or emptied first. After an error it may hold a part.
    ///
    /// # Errors
    /// Any [`FetchError`].
    pub async fn fetch(&self, url: &str, limits: FetchLimits, dest: &Path) -> Result<(), FetchError> {
        let total = Duration::from_millis(self.settings.total_timeout_ms);
        tokio::time::timeout(total, async {
            let response = self.follow(url, limits).await?;
            save::save(response, limits.max_bytes, dest).await
        })
        .await
        .unwrap_or(Err(FetchError::Timeout))
    }

    /// The answer at the end of all redirects.
    async fn follow(&self, url: &str, limits: FetchLimits) -> Result<Response, FetchError> {
        let (client, is_allowed): (_, fn(IpAddr) -> bool) =
            if limits.allow_private { (&self.unchecked, |_| true) } else { (&self.checked, self.is_public) };
        let mut url = target::check(Url::parse(url), is_allowed)?;
        for _ in 0..=self.settings.max_redirects {
            let response = client.get(url.clone()).send().await.map_err(FetchError::before_body)?;
            match (response.status(), target::location(&response)) {
                (StatusCode::OK, _) => return Ok(response),
                (status, Some(location)) if status.is_redirection() => {
                    url = target::check(url.join(location), is_allowed)?;
                }
                (status, _) => return Err(FetchError::of_status(status)),
            }
        }
        Err(FetchError::TooManyRedirects)
    }
}

/// The environment chooses no proxy: it would resolve names for itself.
fn client_builder(settings: &FetchSettings) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .read_timeout(Duration::from_millis(settings.idle_timeout_ms))
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("neuralbox/", env!("CARGO_PKG_VERSION")))
}

/// A bare container has no certificates, and needs none to talk to a sandbox. Without any, every https host is
/// distrusted.
fn http_client(builder: impl Fn() -> reqwest::ClientBuilder) -> Result<reqwest::Client, FetchError> {
    // An error says that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(FetchError::before_body)
}
