//! `neuralbox demo`: the main job over real HTTP, on a database and vendors that are gone afterwards. What was made stays.

mod client;
mod walk;

use super::{Error, serve::Service};
use crate::{
    logging,
    settings::{LogSettings, Settings},
    signals,
};
use app::{App, CreateAccount};
use client::Client;
use std::{net::SocketAddr, process::ExitCode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use walk::Walk;

pub(crate) async fn run(once: bool) -> Result<ExitCode, Error> {
    // The walk shows failing vendors; their log lines would only get between its own.
    logging::start(&LogSettings { filter: "error".to_owned(), ..Default::default() })?;
    let folder = tempfile::tempdir()?;
    let service = Service::start(settings(&folder), true, false).await?;
    let (app, url) = (service.app.clone(), service.url());
    let stop = if once { CancellationToken::new() } else { signals::stop_token()? };
    let serving = tokio::spawn(service.run(stop.clone()));

    println!(
        "NeuralBox demo: the API at {url}, SQLite in {}, vendors from the sandbox.",
        folder.path().display()
    );
    let key = account(&app, "demo@example.org").await?;
    let saved = tempfile::Builder::new().prefix("neuralbox-demo-").tempdir()?.keep();
    let mut walk = Walk::new(app.clone(), Client::new(&url, &key)?, saved);
    walk.all(&account(&app, "race@example.org").await?).await?;
    let has_held = walk.has_held();
    if once {
        stop.cancel();
    } else {
        print_invitation(&url, &key);
    }
    serving.await.map_err(|error| Error::Other(error.to_string()))??;
    Ok(if has_held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn settings(folder: &TempDir) -> Settings {
    let mut settings = Settings::default();
    settings.database.url = format!("sqlite://{}?mode=rwc", folder.path().join("demo.db").display()).into();
    settings.sandbox.folder = Some(folder.path().join("sandbox"));
    settings.files.url = folder.path().join("files").display().to_string();
    settings.server.scratch_dir = Some(folder.path().join("scratch"));
    settings.auth.secret = Some("the demo forgets all it was told".into());
    settings.server.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    settings
}

async fn account(app: &App, email: &str) -> Result<String, Error> {
    let request = CreateAccount { email: email.to_owned(), plan: "vip".to_owned(), tokens: 0 };
    Ok(app.create_account(request).await?.key.api_key)
}

fn print_invitation(url: &str, key: &str) {
    println!(
        "
It goes on serving until Ctrl-C. Paste:

export KEY={key}
curl -s {url}/api/v2/balance -H \"Authorization: Bearer $KEY\"
curl -s {url}/api/v2/models/dall-e-3/calculate-price \\
  -H 'Content-Type: application/json' -d '{{\"params\":{{\"size\":\"1792x1024\",\"quality\":\"hd\"}},\"count\":1}}'
curl -s {url}/api/v2/generate -H \"Authorization: Bearer $KEY\" \\
  -H 'Content-Type: application/json' -d '{{\"model\":\"gpt-5\",\"prompt\":\"Why is the sea salty?\"}}'
curl -sN {url}/api/v2/generate/stream -H \"Authorization: Bearer $KEY\" \\
  -H 'Content-Type: application/json' -d '{{\"model\":\"claude-haiku-4.5\",\"prompt\":\"Why is the sea salty?\"}}'
curl -s {url}/api/v2/generate -H \"Authorization: Bearer $KEY\" -H 'Prefer: wait=60' \\
  -H 'Content-Type: application/json' -d '{{\"model\":\"photon-flash\",\"prompt\":\"A lighthouse at dusk\"}}'
curl -s {url}/api/v2/generate -H \"Authorization: Bearer $KEY\" \\
  -H 'Content-Type: application/json' -d '{{\"model\":\"gpt-5\",\"prompt\":\"[[fault:500]]\"}}'"
    );
}
