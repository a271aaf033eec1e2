//! Logs: readable on a terminal, JSON elsewhere, always on standard error.

use crate::settings::{LogFormat, LogSettings, SettingsError};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging.
///
/// # Errors
/// Names `log.filter` when it cannot be read.
pub(crate) fn start(settings: &LogSettings) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| SettingsError::bad("log.filter", error.to_string()))?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // When nobody reads the log any more, a complaint about that would be a panic.
        .log_internal_errors(false);
    let is_json = match settings.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    // A second start, as in a test's process, leaves the first in place.
    let _ = if is_json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        builder.with_ansi(is_terminal).with_target(false).try_init()
    };
    Ok(())
}
