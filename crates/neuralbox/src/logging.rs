//! Logs: readable on a terminal, JSON elsewhere, always on standard error. And the same spans as OpenTelemetry traces, where a
//! collector is set.

mod json;
mod traces;

use crate::settings::{LogFormat, LogSettings, SettingsError};
use json::JsonLines;
use opentelemetry_sdk::trace::Tracer;
use std::io::IsTerminal;
use traces::Traces;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging.
///
/// # Errors
/// Names `log.filter` when it cannot be read.
pub(crate) fn start(settings: &LogSettings) -> Result<(), SettingsError> {
    start_with(settings, None)
}

/// Starts logging, and traces where a collector is set.
///
/// # Errors
/// As [`start`], and names `log.otlp_url` when it cannot be used.
pub(crate) fn start_traced(settings: &LogSettings) -> Result<Traces, SettingsError> {
    let traces = Traces::start(settings.otlp_url.as_deref())?;
    start_with(settings, traces.tracer())?;
    Ok(traces)
}

fn start_with(settings: &LogSettings, tracer: Option<Tracer>) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| SettingsError::bad("log.filter", error.to_string()))?;
    let traced = tracer.map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer));
    // A second start, as in a test's process, leaves the first in place.
    let _ = tracing_subscriber::registry().with(lines(settings.format)).with(traced).with(filter).try_init();
    Ok(())
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let is_terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // When nobody reads the log any more, a complaint about that would be a panic.
        .log_internal_errors(false);
    let is_json = match format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if is_json {
        layer.fmt_fields(JsonLines).event_format(JsonLines).boxed()
    } else {
        layer.with_ansi(is_terminal).with_target(false).boxed()
    }
}
