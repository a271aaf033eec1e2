//! `neuralbox worker`

use super::{Error, time::read_time};
use crate::{clock::FixedClock, logging, settings::Settings, signals, wiring};
use app::{App, HEARTBEAT_MS};
use domain::port::Clock;
use std::{process::ExitCode, sync::Arc, time::Duration};
use storage::Storage;
use tempfile::TempDir;

/// Rounds of each kind of work that one call does, at most.
const MAX_ROUNDS: usize = 1_000;

pub(crate) async fn run(settings: Settings, once: bool, as_of: Option<String>) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    if let Some(time) = as_of {
        return rehearse(settings, &time).await;
    }
    let clock = wiring::clock();
    let storage = connect(&settings, &clock).await?;
    wiring::refuse_real_vendors_for_sandbox(&settings, &storage).await?;
    let app = wiring::app(&settings, storage, false, None, clock)?;
    if once {
        return do_what_is_due(&app).await;
    }
    let stop = signals::stop_token()?;
    tracing::info!("worker");
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
    let storage = connect(&settings, &clock).await?;
    refuse_what_is_served(&storage).await?;
    let app = wiring::app(&settings, storage, false, None, clock)?;
    do_what_is_due(&app).await
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
/// one for ever.
async fn do_what_is_due(app: &App) -> Result<ExitCode, Error> {
    let (mut holds, mut cycles, mut files, mut polled, mut billed) = (0, 0, 0, 0, 0);
    for _ in 0..MAX_ROUNDS {
        let recovered = app.recover().await?;
        let round = app.poll_jobs().await?;
        let asked = round.count();
        round.finished().await;
        let steps = app.bill().await?.total();
        holds += recovered.released_holds;
        cycles += recovered.expired_cycles;
        files += recovered.removed_files;
        polled += asked;
        billed += steps;
        if recovered.released_holds + recovered.expired_cycles + recovered.removed_files + asked + steps == 0
        {
            break;
        }
    }
    println!(
        "released {holds} holds, swept {cycles} cycles, asked after {polled} jobs, removed {files} files, {billed} steps \
         of billing"
    );
    app.reconcile_daily().await?;
    Ok(ExitCode::SUCCESS)
}
