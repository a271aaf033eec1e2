//! `neuralbox migrate`

use super::Error;
use crate::{logging, settings::Settings, wiring};
use std::process::ExitCode;
use storage::SchemaState;

pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let storage = wiring::connect(settings, wiring::clock()).await?;
    match storage.schema_state().await? {
        SchemaState::Newer => {
            return Err(Error::Other("the database's schema is newer than this version of NeuralBox".into()));
        }
        SchemaState::Current => println!("the schema is up to date"),
        SchemaState::Empty | SchemaState::Older => {
            storage.migrate().await?;
            println!("the schema has been brought up to date");
        }
    }
    Ok(ExitCode::SUCCESS)
}
