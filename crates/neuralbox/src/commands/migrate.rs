//! `neuralbox migrate`

use super::Error;
use crate::{logging, master_secret, settings::Settings, wiring};
use std::process::ExitCode;
use storage::SchemaState;

pub(crate) async fn run(settings: &Settings, new_secret: bool) -> Result<ExitCode, Error> {
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
    if new_secret {
        storage.replace_secret(&master_secret::read(settings)?.check()).await?;
        println!("processes need the secret that is set now from here on");
    }
    Ok(ExitCode::SUCCESS)
}
