//! `neuralbox worker`

use super::Error;
use crate::{logging, settings::Settings, signals, wiring};
use std::process::ExitCode;

pub(crate) async fn run(settings: Settings, once: bool) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let storage = wiring::connect(&settings).await?;
    wiring::ensure_schema(&settings, &storage).await?;
    let app = wiring::app(&settings, storage, false)?;
    if once {
        let done = app.recover().await?;
        println!("released {} holds, swept {} cycles", done.released_holds, done.expired_cycles);
        return Ok(ExitCode::SUCCESS);
    }
    let stop = signals::stop_token()?;
    tracing::info!("worker");
    billing_worker::work(app, stop).await;
    Ok(ExitCode::SUCCESS)
}
