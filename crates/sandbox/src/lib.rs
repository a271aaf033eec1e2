//! An HTTP server that speaks the own protocols of vendors and payment services, with neither behind it.
//!
//! It checks requests as strictly as the vendors do, so that a wrong adapter is found out here; it answers the same
//! request always with the same words; and it fails on demand, by words in a prompt (`[[fault:429]]`,
//! `[[delay:1500]]`) or by `POST /_control`. Each vendor lives under its own path of one listener.
//!
//! Media are real and small: pictures, WAV and MP3 are made, other sounds and films are recordings. Vendors that do not
//! answer at once are given their jobs, which go on each time that somebody looks.
//!
//! Payment services live there too. They keep books, send notifications, and go by a clock that a test can move.
//!
//! With a [`Folder`] it goes on where it was when it is started again, even after a kill: jobs, uploads, books and what is
//! still to be told. Without one it keeps all in memory. Faults that were asked for are forgotten in any case.
//!
//! What it does not do: it fetches nothing that it is given the URL of, and hears nothing in a sound.

mod answer;
mod callback;
mod control;
mod conversation;
mod deliver;
mod endpoint;
mod fault;
mod fields;
mod folder;
mod form;
mod hash;
mod job;
mod journal;
mod media;
mod payment;
mod protocol;
mod reply;
mod results;
mod service;
mod store;
mod tools;
mod transcript;
mod trouble;
mod vendor;

use axum::{Router, extract::DefaultBodyLimit, serve::ListenerExt};
use domain::port::Clock;
use payment::Payments;
use service::Ground;
use std::{collections::BTreeMap, fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use folder::Folder;
pub use payment::NotificationTargets;

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

/// The names of the payment services it speaks for.
pub fn payment_services() -> impl Iterator<Item = &'static str> {
    Payments::NAMES.into_iter()
}

/// What a sandbox can be started with.
#[derive(Default)]
pub struct Options {
    /// What payment services go by. Without one they go by the time of day, and do each second what is due; with one they
    /// wait for [`Sandbox::tick`].
    pub clock: Option<Arc<dyn Clock>>,
    /// Where payment services tell of what has happened, unless `setWebhook` or `POST /_control` has said otherwise in the
    /// same folder.
    pub notifications: NotificationTargets,
    /// Where it keeps what it knows; in memory alone without one.
    pub folder: Option<Folder>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Options");
        shown
            .field("notifications", &self.notifications)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
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
    payments: Payments,
    server: JoinHandle<()>,
    // Nobody else may use it before this is gone.
    _folder: Option<Folder>,
    // Every hanging request and the server itself wait for this to go away.
    alive: watch::Sender<()>,
}

impl Sandbox {
    /// Listens on `bind`; port 0 takes a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system gives no HTTP client.
    pub async fn start(bind: SocketAddr) -> io::Result<Self> {
        Self::start_with(bind, Options::default()).await
    }

    /// As [`Self::start`], with options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(bind: SocketAddr, options: Options) -> io::Result<Self> {
        Self::start_on(TcpListener::bind(bind).await?, options)
    }

    /// As [`Self::start_with`], on a listener that is there.
    ///
    /// # Errors
    /// When no HTTP client can be made, for what it calls back.
    pub fn start_on(listener: TcpListener, options: Options) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let (alive, stopped) = watch::channel(());
        let http = callback::client().map_err(io::Error::other)?;
        let ground = Ground {
            origin: format!("http://{addr}"),
            http,
            stopped: stopped.clone(),
            folder: options.folder,
        };
        let payments = Payments::start(&ground, options.clock, options.notifications);
        let router = router(&ground, &payments);
        let server = tokio::spawn(serve(listener, router, stopped));
        tracing::info!(%addr, "sandbox listens");
        Ok(Self { addr, payments, server, _folder: ground.folder, alive })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL that makes the adapter of a vendor or payment service talk to the sandbox; `None` for one that it does
    /// not know.
    pub fn base_url(&self, service: &str) -> Option<String> {
        let vendor = vendor::ALL.iter().find(|known| known.name == service).map(|vendor| vendor.base_path);
        let base_path = vendor.or_else(|| Payments::base_path(service))?;
        Some(format!("http://{}{base_path}", self.addr))
    }

    /// Sets where payment services tell of what happens from now on. `POST /_control` and Telegram's `setWebhook` do too.
    pub fn set_notifications(&self, targets: NotificationTargets) {
        self.payments.set_notifications(targets);
    }

    /// Has payment services do what is due by their clock: renewals, expiries, notifications that were held back.
    pub async fn tick(&self) {
        self.payments.tick();
        // The outbox runs beside, and can begin before a caller goes on.
        tokio::task::yield_now().await;
    }

    /// Waits until no notification is under way: each has been taken, given up, or held back.
    pub async fn delivered(&self) {
        self.payments.delivered().await;
    }

    /// Has faults of a payment service strike by chance: `rates` are so many of a thousand occasions each, and the same seed
    /// strikes the same of them. `POST /_control` does too.
    ///
    /// # Errors
    /// What is wrong with the name of the service or of a fault, or with the rates.
    pub fn set_rates(&self, service: &str, seed: u64, rates: &BTreeMap<String, u32>) -> Result<(), String> {
        let till =
            self.payments.till(service).ok_or_else(|| format!("there is no payment service `{service}`"))?;
        till.set_rates(seed, rates).map(drop)
    }

    /// Takes no more requests, lets go of the hanging ones, and waits up to five seconds for the rest.
    pub async fn stop(self) {
        drop(self.alive);
        if tokio::time::timeout(STOP_GRACE, self.server).await.is_err() {
            tracing::warn!("sandbox stopped with requests under way");
        }
    }
}

fn router(ground: &Ground, payments: &Payments) -> Router {
    let mut router = Router::new();
    let mut services = Vec::with_capacity(vendor::ALL.len());
    for vendor in &vendor::ALL {
        let (service, _) = ground.open(vendor.name);
        service.resume(vendor.tells);
        let routes = (vendor.routes)().layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
        router = router.nest(vendor.base_path, routes.with_state(Arc::clone(&service)));
        router = router.merge(results::routes(vendor.name));
        services.push(service);
    }
    router.merge(payments.routes()).merge(control::routes(services, payments.clone()))
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
