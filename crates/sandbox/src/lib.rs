//! An HTTP server that speaks the vendors' own protocols, without a vendor behind it.
//!
//! It checks requests as strictly as the vendors do, so that a wrong adapter is found out here; it answers the same
//! request always with the same words; and it fails on demand, by words in a prompt (`[[fault:429]]`,
//! `[[delay:1500]]`) or by `POST /_control`. Each vendor lives under its own path of one listener.
//!
//! Media are real and small: pictures, WAV and MP3 are made, other sounds and films are recordings. Vendors that do not
//! answer at once are given their jobs, which go on each time that somebody looks.
//!
//! What it does not do: it fetches nothing that it is given the URL of, hears nothing in a sound, and keeps jobs only in
//! memory.

mod answer;
mod callback;
mod control;
mod conversation;
mod deliver;
mod endpoint;
mod fault;
mod fields;
mod form;
mod hash;
mod job;
mod media;
mod protocol;
mod reply;
mod results;
mod service;
mod store;
mod transcript;
mod trouble;
mod vendor;

use axum::{Router, extract::DefaultBodyLimit, serve::ListenerExt};
use service::Service;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Bytes in a request body, at most; the smallest such limit among the vendors. Only transcripts of ElevenLabs take more.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Always the same, and known to everybody: `sandbox-sandbox-sandbox-2026` in base64.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMjAyNg==";

/// How long [`Sandbox::stop`] waits for requests under way.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The names of the vendors it speaks for.
pub fn vendors() -> impl Iterator<Item = &'static str> {
    vendor::ALL.iter().map(|vendor| vendor.name)
}

/// What a vendor's callbacks are signed with; `None` for one that does not sign.
pub fn webhook_secret(vendor: &str) -> Option<&'static str> {
    (vendor == "replicate").then_some(WEBHOOK_SECRET)
}

/// A running sandbox. Dropping it stops it, as [`Sandbox::stop`] does, without waiting.
#[must_use = "a sandbox stops when it is dropped"]
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    server: JoinHandle<()>,
    // Every hanging request and the server itself wait for this to go away.
    alive: watch::Sender<()>,
}

impl Sandbox {
    /// Listens on `bind`; port 0 takes a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system gives no HTTP client.
    pub async fn start(bind: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(bind).await?;
        let addr = listener.local_addr()?;
        let (alive, stopped) = watch::channel(());
        let http = callback::client().map_err(io::Error::other)?;
        let router = router(addr, &http, &stopped);
        let server = tokio::spawn(serve(listener, router, stopped));
        tracing::info!(%addr, "sandbox listens");
        Ok(Self { addr, server, alive })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL that makes `vendor`'s adapter talk to the sandbox; `None` for a vendor that it does not know.
    pub fn base_url(&self, vendor: &str) -> Option<String> {
        let vendor = vendor::ALL.iter().find(|known| known.name == vendor)?;
        Some(format!("http://{}{}", self.addr, vendor.base_path))
    }

    /// Takes no more requests, lets go of the hanging ones, and waits up to five seconds for the rest.
    pub async fn stop(self) {
        drop(self.alive);
        if tokio::time::timeout(STOP_GRACE, self.server).await.is_err() {
            tracing::warn!("sandbox stopped with requests under way");
        }
    }
}

fn router(addr: SocketAddr, http: &reqwest::Client, stopped: &watch::Receiver<()>) -> Router {
    let mut router = Router::new();
    let mut services = Vec::with_capacity(vendor::ALL.len());
    for vendor in &vendor::ALL {
        let origin = format!("http://{addr}");
        let service = Arc::new(Service::new(vendor.name, origin, http.clone(), stopped.clone()));
        let routes = (vendor.routes)().layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
        router = router.nest(vendor.base_path, routes.with_state(Arc::clone(&service)));
        router = router.merge(results::routes(vendor.name));
        services.push(service);
    }
    router.merge(control::routes(services))
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<()>) {
    // A delta of a stream is a few bytes; without this the kernel may hold it back to join it with the next.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY refused");
        }
    });
    let until_dropped = async move { while stopped.changed().await.is_ok() {} };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until_dropped).await {
        tracing::error!(%error, "sandbox failed");
    }
}
