//! `neuralbox serve`

use super::Error;
use crate::{
    logging, sandbox_folder,
    settings::{self, Settings, SettingsError},
    signals, wiring,
};
use api::HttpSettings;
use app::App;
use sandbox::{Options, Sandbox};
use std::{net::SocketAddr, process::ExitCode, time::Duration};
use storage::{Mode, Storage};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) async fn run(settings: Settings, sandbox: bool, no_worker: bool) -> Result<ExitCode, Error> {
    let _traces = logging::start_traced(&settings.log)?;
    let stop = signals::stop_token()?;
    let service = Service::start(settings, sandbox, no_worker).await?;
    tracing::info!("serving on {}", service.url());
    service.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// What connections get to end after the last generation has.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(5);

/// The API, ready to be served, with what runs beside it.
pub(crate) struct Service {
    pub(crate) app: App,
    listener: TcpListener,
    addr: SocketAddr,
    http: HttpSettings,
    sandbox: Option<Sandbox>,
    no_worker: bool,
}

impl Service {
    /// Wires everything and binds the address; nothing is answered yet.
    pub(crate) async fn start(mut settings: Settings, sandbox: bool, no_worker: bool) -> Result<Self, Error> {
        // Before anything is made or marked: what is wrong with the settings stops the start.
        settings::catalog(&settings)?;
        wiring::client(&settings)?;
        let bind = settings.server.bind;
        let listener = listen("server.bind", bind).await?;
        let addr = listener.local_addr()?;
        let storage = wiring::connect(&settings, wiring::clock()).await?;
        let sandbox = if sandbox { Some(start_sandbox(&mut settings, &storage, addr).await?) } else { None };
        wiring::ensure_schema(&settings, &storage).await?;
        let is_sandbox = sandbox.is_some();
        let app = wiring::app(&settings, storage.clone(), is_sandbox, Some(addr), wiring::clock())?;
        // Last, for it cannot be taken back.
        let mode = if is_sandbox { Mode::Sandbox } else { Mode::Live };
        wiring::ensure_mode(&storage, mode).await?;
        wiring::ensure_secret(&settings, &storage).await?;
        app.register_node().await?;
        let http = wiring::http(&settings)?;
        Ok(Self { app, addr, listener, http, sandbox, no_worker })
    }

    /// Where the API is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Serves until `stop`; then answers what is open, and lets generations finish or gives them back.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let background = CancellationToken::new();
        let mut beside = JoinSet::new();
        beside.spawn(billing_worker::beat(self.app.clone(), background.clone()));
        if !self.no_worker {
            beside.spawn(billing_worker::work(self.app.clone(), background.clone()));
        }
        let stopped = stop.clone();
        let server = api::serve(self.listener, self.app.clone(), self.http, async move {
            stopped.cancelled().await;
        });
        let server = tokio::spawn(server);
        let abort = server.abort_handle();
        stop.cancelled().await;
        self.app.shut_down().await;
        // Connections end when their generations have; one that will not is not waited for.
        let served = tokio::time::timeout(CONNECTIONS_GRACE, server).await;
        abort.abort();
        background.cancel();
        beside.join_all().await;
        self.app.sign_off().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        match served {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Other(error.to_string())),
            Err(_) => Ok(()),
        }
    }
}

/// Starts the sandbox, points the settings at it, and has it tell the API at `addr` what happens.
async fn start_sandbox(
    settings: &mut Settings,
    storage: &Storage,
    addr: SocketAddr,
) -> Result<Sandbox, Error> {
    let bind = settings.sandbox.bind.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let folder = sandbox_folder::open(settings, storage).await?;
    let options =
        Options { notifications: wiring::sandbox_notifications(addr), folder, ..Options::default() };
    let sandbox = Sandbox::start_on(listen("sandbox.bind", bind).await?, options);
    let sandbox = sandbox.map_err(|error| Error::Other(format!("the sandbox does not start: {error}")))?;
    wiring::use_sandbox(settings, &sandbox);
    Ok(sandbox)
}

/// A listener on the address that `setting` names.
pub(super) async fn listen(setting: &str, addr: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(addr).await;
    listener.map_err(|error| SettingsError::bad(setting, format!("cannot listen on {addr}: {error}")).into())
}
