//! What is told of what happens, and where.

use super::SettingsError;
use reqwest::Url;
use serde::Deserialize;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

/// The section `log`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    /// As tracing's `EnvFilter` reads it.
    pub(crate) filter: String,
    /// Where a collector takes OpenTelemetry traces by OTLP over HTTP, without `/v1/traces`.
    pub(crate) otlp_url: Option<String>,
}

impl LogSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let Some(url) = &self.otlp_url else { return Ok(()) };
        let is_plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        if Url::parse(url).is_ok_and(|url| is_plain(&url)) {
            return Ok(());
        }
        let message = "must be a collector's address that begins with http:// or https://, with no user, password, query or \
                       fragment";
        Err(SettingsError::bad("log.otlp_url", message))
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info,sqlx=warn".to_owned(), otlp_url: None }
    }
}
