//! Settings: defaults, then a file, then the environment.

mod auth;
mod billing;
mod limits;
mod log;
mod overrides;
mod ranges;
#[cfg(test)]
mod tests;
mod webhooks;

use api::{CorsOrigins, TrustedProxies};
use app::AnswerTimes;
use auth::AuthSettings;
use billing::BillingSettings;
use config::{Config, Environment, File, FileFormat};
use limits::LimitSettings;
use payments::PaymentsSettings;
use providers::{ClientSettings, FetchSettings, VendorSettings};
use secrecy::SecretString;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use storage::BlobSettings;
use webhooks::WebhookSettings;

pub(crate) use log::{LogFormat, LogSettings};
pub(crate) use overrides::catalog;

/// All settings. Each stands as `section.key` in a file, and as `NEURALBOX__SECTION__KEY` in the environment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Signing in, and the secret behind it.
    pub(crate) auth: AuthSettings,
    /// When renewals are charged, and what becomes of those that fail.
    pub(crate) billing: BillingSettings,
    pub(crate) catalog: CatalogSettings,
    /// How vendors are called.
    pub(crate) client: ClientSettings,
    pub(crate) database: DatabaseSettings,
    /// How files elsewhere are fetched.
    pub(crate) fetch: FetchSettings,
    /// Where files are kept.
    pub(crate) files: BlobSettings,
    pub(crate) generation: GenerationSettings,
    /// What an address, a connection, a request and an account may ask of a process.
    pub(crate) limits: LimitSettings,
    pub(crate) log: LogSettings,
    /// By slug.
    pub(crate) models: BTreeMap<String, ModelSettings>,
    /// Payment services.
    pub(crate) payments: PaymentsSettings,
    /// By the vendor's name.
    pub(crate) providers: BTreeMap<String, VendorSettings>,
    pub(crate) sandbox: SandboxSettings,
    pub(crate) server: ServerSettings,
    /// Where and how word of events is sent.
    pub(crate) webhooks: WebhookSettings,
    pub(crate) worker: WorkerSettings,
}

/// Files that replace the built-in catalog.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CatalogSettings {
    pub(crate) models: Option<PathBuf>,
    pub(crate) plans: Option<PathBuf>,
    pub(crate) packages: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSettings {
    /// May hold a password.
    pub(crate) url: SecretString,
    pub(crate) max_connections: u32,
    pub(crate) acquire_timeout_ms: u64,
    pub(crate) statement_timeout_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GenerationSettings {
    /// An answer that comes at once, by category, unless the catalog says otherwise for its model.
    pub(crate) answer_timeout_ms: AnswerTimes,
    /// A job at its vendor, unless the catalog says otherwise for its model.
    pub(crate) job_timeout_ms: i64,
    /// Jobs that one process works at at the same time.
    pub(crate) jobs_at_once: usize,
    /// A client in OpenAI's shape is kept waiting for a file.
    pub(crate) file_wait_ms: i64,
    /// All files that a request names by address are fetched.
    pub(crate) input_timeout_ms: u64,
    /// Requests whose files one process fetches at the same time.
    pub(crate) inputs_at_once: usize,
    /// As many of them may be one account's.
    pub(crate) inputs_at_once_per_account: usize,
}

/// What replaces a model's row.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelSettings {
    pub(crate) upstream: Option<String>,
    pub(crate) upstream_params: Option<BTreeMap<String, String>>,
    /// Of a vendor's model, where it has versions.
    pub(crate) version: Option<String>,
    pub(crate) max_input_chars: Option<i64>,
    pub(crate) max_output_tokens: Option<i64>,
    pub(crate) max_audio_s: Option<i64>,
    /// An answer that comes at once, or the start of a job.
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) job_timeout_ms: Option<i64>,
    /// What a client may choose from.
    pub(crate) voices: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SandboxSettings {
    pub(crate) bind: Option<SocketAddr>,
    /// Where its vendors and payment services keep what they know; by default a folder of the database's own.
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSettings {
    pub(crate) bind: SocketAddr,
    /// Prefix of every URL handed out.
    pub(crate) public_url: Option<String>,
    pub(crate) shutdown_grace_ms: u64,
    /// The folder for files on their way.
    pub(crate) scratch_dir: Option<PathBuf>,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is believed, parted by commas.
    pub(crate) trusted_proxies: String,
    /// Origins whose pages may read answers, parted by commas.
    pub(crate) cors_origins: String,
}

/// The worker that runs alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSettings {
    /// Where it tells whoever watches it how it does.
    pub(crate) bind: Option<SocketAddr>,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: "sqlite://neuralbox.db?mode=rwc".into(),
            max_connections: 8,
            acquire_timeout_ms: 3_000,
            statement_timeout_ms: 10_000,
        }
    }
}

impl Default for GenerationSettings {
    fn default() -> Self {
        Self {
            answer_timeout_ms: AnswerTimes::default(),
            job_timeout_ms: 900_000,
            jobs_at_once: 32,
            file_wait_ms: 180_000,
            input_timeout_ms: 30_000,
            inputs_at_once: 64,
            inputs_at_once_per_account: 16,
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            shutdown_grace_ms: 30_000,
            scratch_dir: None,
            trusted_proxies: String::new(),
            cors_origins: String::new(),
        }
    }
}

/// A setting that cannot be used. The value is not repeated: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("setting {setting}: {message}")]
pub(crate) struct SettingsError {
    setting: String,
    message: String,
}

impl SettingsError {
    pub(crate) fn bad(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into() }
    }
}

const PREFIX: &str = "NEURALBOX";
const SEPARATOR: &str = "__";

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// Names the first setting that is unknown or cannot be used.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        // A variable that is no Unicode is none of ours.
        let environment = std::env::vars_os();
        let environment =
            environment.filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        Self::read(file, environment.collect())
    }

    fn read(
        file: Option<&Path>,
        environment: std::collections::HashMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| SettingsError::bad("--config", format!("{}: {error}", file.display())))?;
            check_toml(file, &text)?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        // A dot would begin a level of its own, and slugs have them.
        let environment =
            environment.into_iter().map(|(name, value)| (name.replace('.', "_"), value)).collect();
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(Some(environment));
        let config = builder.add_source(environment).build();
        let config = config.map_err(|error| SettingsError::bad("--config", error.to_string()))?;
        let settings: Self = serde_path_to_error::deserialize(config)
            .map_err(|error| setting_error(&error.path().to_string(), &error.inner().to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SettingsError> {
        self.auth.check()?;
        self.billing.check()?;
        self.limits.check()?;
        self.log.check()?;
        self.webhooks.check()?;
        self.payments.check().map_err(|error| SettingsError::bad(error.setting, error.message))?;
        ranges::check(self)?;
        let spend = |vendor: &VendorSettings| vendor.daily_spend_micro_usd;
        if let Some((name, _)) =
            self.providers.iter().find(|(_, vendor)| spend(vendor).is_some_and(|n| n < 0))
        {
            let setting = format!("providers.{name}.daily_spend_micro_usd");
            return Err(SettingsError::bad(setting, "must be 0 or above"));
        }
        if let Err(message) = TrustedProxies::parse(&self.server.trusted_proxies) {
            return Err(SettingsError::bad("server.trusted_proxies", message));
        }
        if let Err(message) = CorsOrigins::parse(&self.server.cors_origins) {
            return Err(SettingsError::bad("server.cors_origins", message));
        }
        if let Some(url) = &self.server.public_url
            && !url.starts_with("http://")
            && !url.starts_with("https://")
        {
            return Err(SettingsError::bad("server.public_url", "must start with http:// or https://"));
        }
        Ok(())
    }
}

/// Says where a file is no TOML. Its own words are left out, for they repeat the line, which may hold a secret.
fn check_toml(file: &Path, text: &str) -> Result<(), SettingsError> {
    let Err(error) = text.parse::<toml::Table>() else { return Ok(()) };
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Err(SettingsError::bad("--config", format!("{} is not TOML at line {line}", file.display())))
}

/// Names the setting in an error: its path, and for an unknown one its own name from the message.
fn setting_error(path: &str, message: &str) -> SettingsError {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let setting = match unknown {
        Some(name) if path == "." || path.is_empty() => name.to_owned(),
        Some(name) if path.rsplit('.').next() != Some(name) => format!("{path}.{name}"),
        _ => path.to_owned(),
    };
    SettingsError::bad(setting, without_value(message))
}

/// What was expected, from a message of serde that may repeat what was found.
fn without_value(message: &str) -> String {
    let repeats =
        ["invalid type", "invalid value", "unknown variant"].iter().any(|how| message.starts_with(how));
    match message.split_once(", expected ") {
        Some((_, expected)) if repeats => format!("must be {expected}"),
        _ => message.to_owned(),
    }
}
