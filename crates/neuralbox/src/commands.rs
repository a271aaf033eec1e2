//! What each command does.

pub(crate) mod account;
pub(crate) mod attempt;
pub(crate) mod billing;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod generation;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod migrate;
pub(crate) mod payments;
pub(crate) mod serve;
mod time;
pub(crate) mod trail;
pub(crate) mod worker;

use crate::settings::SettingsError;

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Storage(#[from] storage::Error),
    #[error("{}", describe(.0))]
    App(#[from] app::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Other(String),
}

/// An error of a use-case, with its wrong fields.
fn describe(error: &app::Error) -> String {
    let app::Error::Validation(fields) = error else { return error.to_string() };
    let lines = fields.iter().map(|field| {
        let allowed = field.allowed.as_ref().map(|allowed| format!(" (allowed: {})", allowed.join(", ")));
        format!("{}: {}{}", field.field, field.message, allowed.unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("; ")
}
