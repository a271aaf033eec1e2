//! `neuralbox worker`

use super::{Error, serve::listen, time::read_time};
use crate::{clock::FixedClock, logging, settings::Settings, signals, wiring};
use app::{App, HEARTBEAT_MS};
use domain::port::Clock;
use std::{process::ExitCode, sync::Arc, time::Duration};
use storage::Storage;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Rounds of each kind of work that one call does, at most.
const MAX_ROUNDS: usize = 1_000;

pub(crate) async fn run(settings: Settings, once: bool, as_of: Option<String>) -> Result<ExitCode, Error> {
    let _traces = logging::start_traced(&settings.log)?;
    if let Some(time) = as_of {
        return Box::pin(rehearse(settings, &time)).await;
    }
    // What is wrong with the settings stops the start, before anything is touched.
    let listener = match settings.worker.bind.filter(|_| !once) {
        Some(bind) => Some(listen("worker.bind", bind).await?),
        None => None,
    };
    let clock = wiring::clock();
    let storage = connect(&settings, &clock).await?;
    wiring::refuse_real_vendors_for_sandbox(&settings, &storage).await?;
    wiring::ensure_secret(&settings, &storage).await?;
    let app = wiring::app(&settings, storage, false, None, clock)?;
    if once {
        return do_what_is_due(&app, true).await;
    }
    let stop = signals::stop_token()?;
    // Answers to the end, and goes with this.
    let mut beside = JoinSet::new();
    match listener {
        Some(listener) => {
            tracing::info!("worker, serving on http://{}", listener.local_addr()?);
            beside.spawn(api::serve_operations(listener, app.clone()));
        }
        None => tracing::info!("worker"),
    }
    Box::pin(billing_worker::work(app.clone(), stop)).await;
    app.shut_down().await;
    Ok(ExitCode::SUCCESS)
}

/// Does what is due at another time, and touches nothing but the database, which is a copy: no vendor, no file, no payment
/// service but a sandbox's.
async fn rehearse(mut settings: Settings, time: &str) -> Result<ExitCode, Error> {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(read_time("--as-of", time)?));
    wiring::refuse_real_payments_for_rehearsal(&settings)?;
    let files = TempDir::new()?;
    settings.files.url = files.path().display().to_string();
    settings.providers.clear();
    settings.auth.secret = Some("a rehearsal signs for nobody at all".into());
    let storage = connect(&settings, &clock).await?;
    refuse_what_is_served(&storage).await?;
    let app = wiring::app(&settings, storage, false, None, clock)?;
    do_what_is_due(&app, false).await
}

async fn connect(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Storage, Error> {
    let storage = wiring::connect(settings, clock.clone()).await?;
    wiring::require_schema(settings, &storage).await?;
    Ok(storage)
}

/// A database whose processes still beat is no copy. One that was copied while it was served names processes too, which do not.
async fn refuse_what_is_served(storage: &Storage) -> Result<(), Error> {
    let before = storage.living_nodes().await?;
    if before.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(Duration::from_millis(HEARTBEAT_MS + HEARTBEAT_MS / 2)).await;
    if storage.living_nodes().await?.iter().all(|node| before.contains(node)) {
        return Ok(());
    }
    Err(Error::Other("--as-of is for rehearsal on a copy, and this database is being served".to_owned()))
}

/// Round after round, until nothing is due. What one step makes due the next round does; workers elsewhere cannot keep this
/// one for ever. A rehearsal sends no webhooks: what it does has not happened.
async fn do_what_is_due(app: &App, sends: bool) -> Result<ExitCode, Error> {
    let (mut holds, mut cycles, mut files, mut polled, mut billed, mut sent) = (0, 0, 0, 0, 0, 0);
    for _ in 0..MAX_ROUNDS {
        let recovered = app.recover().await?;
        app.finish_erasures().await?;
        let round = app.poll_jobs().await?;
        let asked = round.count();
        round.finished().await;
        let steps = app.bill().await?.total();
        let messages = if sends { deliver(app).await? } else { 0 };
        holds += recovered.released_holds;
        cycles += recovered.expired_cycles;
        files += recovered.removed_files;
        polled += asked;
        billed += steps;
        sent += messages;
        let recovered = recovered.released_holds + recovered.expired_cycles + recovered.removed_files;
        if recovered + asked + steps + messages == 0 {
            break;
        }
    }
    println!(
        "released {holds} holds, swept {cycles} cycles, asked after {polled} jobs, removed {files} files, {billed} steps \
         of billing, sent {sent} webhooks"
    );
    app.reconcile_daily().await?;
    app.close_days().await?;
    app.forget_events().await?;
    Ok(ExitCode::SUCCESS)
}

/// Sends what is due, and says how many messages it were.
async fn deliver(app: &App) -> Result<usize, Error> {
    let round = app.deliver_webhooks().await?;
    let count = round.count();
    round.finished().await;
    Ok(count)
}
