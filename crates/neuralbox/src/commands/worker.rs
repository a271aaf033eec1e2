//! `neuralbox worker`

use super::Error;
use crate::{clock::FixedClock, logging, settings::Settings, signals, wiring};
use chrono::DateTime;
use domain::{port::Clock, time::Timestamp};
use std::{process::ExitCode, sync::Arc};

/// Rounds of billing that one call does, at most.
const MAX_ROUNDS: usize = 1_000;

pub(crate) async fn run(settings: Settings, once: bool, as_of: Option<String>) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let clock = match as_of {
        Some(time) => {
            wiring::refuse_real_payments_for_rehearsal(&settings)?;
            Arc::new(FixedClock(read_time(&time)?)) as Arc<dyn Clock>
        }
        None => wiring::clock(),
    };
    let storage = wiring::connect(&settings, clock.clone()).await?;
    wiring::require_schema(&settings, &storage).await?;
    wiring::refuse_real_vendors_for_sandbox(&settings, &storage).await?;
    let app = wiring::app(&settings, storage, false, None, clock)?;
    if once {
        let done = app.recover().await?;
        let round = app.poll_jobs().await?;
        let polled = round.count();
        round.finished().await;
        let mut billed = 0;
        // What one step makes due, the next round does; a worker elsewhere cannot keep this one for ever.
        for _ in 0..MAX_ROUNDS {
            match app.bill().await?.total() {
                0 => break,
                done => billed += done,
            }
        }
        app.reconcile_daily().await?;
        println!(
            "released {} holds, swept {} cycles, asked after {polled} jobs, removed {} files, {billed} steps of billing",
            done.released_holds, done.expired_cycles, done.removed_files
        );
        return Ok(ExitCode::SUCCESS);
    }
    let stop = signals::stop_token()?;
    tracing::info!("worker");
    Box::pin(billing_worker::work(app.clone(), stop)).await;
    app.shut_down().await;
    Ok(ExitCode::SUCCESS)
}

fn read_time(text: &str) -> Result<Timestamp, Error> {
    let time = DateTime::parse_from_rfc3339(text);
    let time =
        time.map_err(|_| Error::Other("--as-of must be a time such as 2026-12-31T00:00:00Z".into()))?;
    Ok(Timestamp::from_unix_ms(time.timestamp_millis()))
}
