//! `neuralbox serve`

use super::Error;
use crate::{
    logging,
    settings::{self, Settings},
    signals, wiring,
};
use app::App;
use sandbox::Sandbox;
use std::{net::SocketAddr, process::ExitCode};
use storage::Mode;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) async fn run(settings: Settings, sandbox: bool, no_worker: bool) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let stop = signals::stop_token()?;
    let service = Service::start(settings, sandbox, no_worker).await?;
    tracing::info!("serving on {}", service.url());
    service.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// The API, ready to be served, with what runs beside it.
pub(crate) struct Service {
    pub(crate) app: App,
    listener: TcpListener,
    addr: SocketAddr,
    sandbox: Option<Sandbox>,
    no_worker: bool,
}

impl Service {
    /// Wires everything and binds the address; nothing is answered yet.
    pub(crate) async fn start(mut settings: Settings, sandbox: bool, no_worker: bool) -> Result<Self, Error> {
        // Before anything is made or marked: what is wrong with the settings stops the start.
        settings::catalog(&settings)?;
        wiring::client(&settings)?;
        let sandbox = if sandbox {
            let bind = settings.sandbox.bind.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
            let sandbox =
                Sandbox::start(bind).await.map_err(|error| cannot_bind("sandbox.bind", bind, &error))?;
            wiring::use_sandbox(&mut settings, &sandbox);
            Some(sandbox)
        } else {
            None
        };
        let storage = wiring::connect(&settings).await?;
        wiring::ensure_schema(&settings, &storage).await?;
        let mode = if sandbox.is_some() { Mode::Sandbox } else { Mode::Live };
        wiring::ensure_mode(&storage, mode).await?;
        let app = wiring::app(&settings, storage, sandbox.is_some())?;
        let bind = settings.server.bind;
        let listener =
            TcpListener::bind(bind).await.map_err(|error| cannot_bind("server.bind", bind, &error))?;
        app.register_node().await?;
        Ok(Self { app, addr: listener.local_addr()?, listener, sandbox, no_worker })
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
        let server = api::serve(self.listener, self.app.clone(), async move { stopped.cancelled().await });
        // Connections end when their generations do, so both are waited for together.
        let shut_down = async {
            stop.cancelled().await;
            self.app.shut_down().await;
        };
        let (served, ()) = tokio::join!(server, shut_down);
        background.cancel();
        beside.join_all().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        Ok(served?)
    }
}

fn cannot_bind(setting: &str, addr: SocketAddr, error: &std::io::Error) -> Error {
    Error::Other(format!("setting {setting}: cannot listen on {addr}: {error}"))
}
