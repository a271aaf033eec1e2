//! The database, and what all who share it need.

use super::{Error, Finding, Level, finding};
use crate::{settings::Settings, wiring};
use secrecy::ExposeSecret;
use storage::SchemaState;

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    schema(settings).await.into_iter().chain(secret(settings)).collect()
}

async fn schema(settings: &Settings) -> Option<Finding> {
    let state = match wiring::connect(settings, wiring::clock()).await {
        Ok(storage) => storage.schema_state().await.map_err(Error::from),
        Err(error) => Err(error),
    };
    let wrong = match state {
        Ok(SchemaState::Current) => return None,
        Ok(SchemaState::Empty) => {
            let message = "is empty; `neuralbox serve` or `neuralbox migrate` sets it up";
            return Some(finding(Level::Warning, "database", message));
        }
        Ok(SchemaState::Older) => "its schema is older than this version: run `neuralbox migrate`".to_owned(),
        Ok(SchemaState::Newer) => "its schema is newer than this version".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(finding(Level::Error, "database", wrong))
}

/// A database that several machines may share, and a secret that they would not.
fn secret(settings: &Settings) -> Option<Finding> {
    let is_shared = !settings.database.url.expose_secret().starts_with("sqlite:");
    let message = "is not set: each machine makes one of its own, refuses access tokens that another has signed, and signs \
                   webhooks otherwise";
    (is_shared && settings.auth.secret.is_none()).then(|| finding(Level::Warning, "auth.secret", message))
}
