//! Settings: defaults, then a file, then the environment.

mod overrides;
mod ranges;

use app::AnswerTimes;
use config::{Config, Environment, File, FileFormat};
use domain::{billing::RenewalRules, time::DAY_MS};
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

pub(crate) use overrides::catalog;

/// All settings. Each stands as `section.key` in a file, and as `NEURALBOX__SECTION__KEY` in the environment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
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
    pub(crate) log: LogSettings,
    /// By slug.
    pub(crate) models: BTreeMap<String, ModelSettings>,
    /// Payment services.
    pub(crate) payments: PaymentsSettings,
    /// By the vendor's name.
    pub(crate) providers: BTreeMap<String, VendorSettings>,
    pub(crate) sandbox: SandboxSettings,
    pub(crate) server: ServerSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BillingSettings {
    /// Hours before a cycle's end at which the next one is charged for the first time.
    pub(crate) renew_ahead_hours: i64,
    /// Days after that at which a declined charge is tried again.
    pub(crate) retry_days: Vec<i64>,
    /// Days after a cycle's end for which the plan is kept while a charge may still succeed.
    pub(crate) grace_days: i64,
    /// Hours after the end of a period paid in Stars for which word of the next payment is waited for.
    pub(crate) stars_grace_hours: i64,
}

impl BillingSettings {
    /// The same in milliseconds.
    pub(crate) fn rules(&self) -> RenewalRules {
        const HOUR_MS: i64 = 3_600_000;
        RenewalRules {
            ahead_ms: self.renew_ahead_hours * HOUR_MS,
            retries_ms: self.retry_days.iter().map(|days| days * DAY_MS).collect(),
            grace_ms: self.grace_days * DAY_MS,
            stars_grace_ms: self.stars_grace_hours * HOUR_MS,
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        let ranges = [
            ("billing.renew_ahead_hours", self.renew_ahead_hours, 0, 7 * 24),
            ("billing.grace_days", self.grace_days, 0, 28),
            ("billing.stars_grace_hours", self.stars_grace_hours, 0, 7 * 24),
        ];
        for (setting, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(SettingsError::bad(setting, format!("must lie in {min}..{max}")));
            }
        }
        let in_range = self.retry_days.iter().all(|day| (1..=28).contains(day));
        if !in_range || self.retry_days.len() > 10 || !self.retry_days.is_sorted_by(|a, b| a < b) {
            let message = "must be at most 10 growing numbers of days in 1..28";
            return Err(SettingsError::bad("billing.retry_days", message));
        }
        Ok(())
    }
}

impl Default for BillingSettings {
    fn default() -> Self {
        Self { renew_ahead_hours: 24, retry_days: vec![1, 2, 4, 6], grace_days: 7, stars_grace_hours: 24 }
    }
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

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    /// As tracing's `EnvFilter` reads it.
    pub(crate) filter: String,
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

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info,sqlx=warn".to_owned() }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            shutdown_grace_ms: 30_000,
            scratch_dir: None,
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
        self.billing.check()?;
        self.payments.check().map_err(|error| SettingsError::bad(error.setting, error.message))?;
        ranges::check(self)?;
        let spend = |vendor: &VendorSettings| vendor.daily_spend_micro_usd;
        if let Some((name, _)) =
            self.providers.iter().find(|(_, vendor)| spend(vendor).is_some_and(|n| n < 0))
        {
            let setting = format!("providers.{name}.daily_spend_micro_usd");
            return Err(SettingsError::bad(setting, "must be 0 or above"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("neuralbox.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(Some(&path), environment.collect())
    }

    #[test]
    fn the_environment_stands_over_the_file_over_defaults() {
        let file = "[server]\nbind = \"127.0.0.1:1\"\nshutdown_grace_ms = 7\n";
        let settings = read(file, &[("NEURALBOX__SERVER__BIND", "127.0.0.1:2")]).unwrap();
        assert_eq!(settings.server.bind.port(), 2);
        assert_eq!(settings.server.shutdown_grace_ms, 7);
        assert_eq!(settings.client.max_attempts, 3);
    }

    #[test]
    fn a_bad_setting_is_named() {
        let check = |file: &str, environment: &[(&str, &str)], setting: &str| {
            let error = read(file, environment).expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
        };
        check("[server]\nbnid = 1\n", &[], "server.bnid");
        check("[srever]\nbind = 1\n", &[], "srever");
        check("[server]\nbind = \"here\"\n", &[], "server.bind");
        check("", &[("NEURALBOX__SERVER__PORT", "80")], "server.port");
        check("", &[("NEURALBOX__DATABASE__MAX_CONNECTIONS", "many")], "database.max_connections");
        check("", &[("NEURALBOX__DATABASE__MAX_CONNECTIONS", "0")], "database.max_connections");
        check("", &[("NEURALBOX__PROVIDERS__OPENAI__KEY", "x")], "providers.openai.key");
        check(
            "",
            &[("NEURALBOX__PROVIDERS__LUMA__MAX_CONCURRENCY", "all")],
            "providers.luma.max_concurrency",
        );
        check("[providers.luma]\ndaily_spend_micro_usd = -1\n", &[], "providers.luma.daily_spend_micro_usd");
        check("[generation]\njobs_at_once = 0\n", &[], "generation.jobs_at_once");
        check("[client]\nbreaker_open_ms = 3_600_001\n", &[], "client.breaker_open_ms");
        check("", &[("NEURALBOX__SERVER__PUBLIC_URL", "ftp://x")], "server.public_url");
        check("", &[("NEURALBOX__LOG__FORMAT", "xml")], "log.format");
        check("[server]\nbind = \"127.0.0.1:1\n", &[], "--config");
    }

    #[test]
    fn numbers_have_their_ranges() {
        let check = |setting: &str, value: &str| {
            let name = format!("{PREFIX}{SEPARATOR}{}", setting.to_uppercase().replace('.', SEPARATOR));
            let error = read("", &[(&name, value)]).expect_err(setting);
            assert_eq!(error.setting, setting, "{value}: {error}");
        };
        for (setting, too_little, too_much) in [
            ("client.connect_timeout_ms", "0", "3600001"),
            ("client.poll_timeout_ms", "999", "600001"),
            ("client.max_response_bytes", "1023", "268435457"),
            ("client.max_result_bytes", "1023", "4294967297"),
            ("fetch.total_timeout_ms", "0", "3600001"),
            ("fetch.max_redirects", "-1", "21"),
            ("server.shutdown_grace_ms", "-1", "3600001"),
            ("generation.answer_timeout_ms.text", "999", "3600001"),
            ("generation.answer_timeout_ms.music", "999", "3600001"),
            ("generation.job_timeout_ms", "999", "3600001"),
        ] {
            check(setting, too_little);
            check(setting, too_much);
        }
        for category in ["image", "video", "tts", "stt", "tool"] {
            check(&format!("generation.answer_timeout_ms.{category}"), "0");
        }
        check("generation.answer_timeout_ms.speech", "1000");
    }

    #[test]
    fn models_are_changed_one_by_one() {
        let catalog = |file: &str| catalog(&read(file, &[]).unwrap());
        let wrong = |file: &str, setting: &str| {
            let error = catalog(file).map(|_| ()).expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
        };
        let changed = catalog(
            "[models.luma-ray2]\ntimeout_ms = 5_000\njob_timeout_ms = 60_000\n\
             [models.elevenlabs-v2]\nvoices = [\"Anna\", \"Boris\"]\n",
        );
        let changed = changed.unwrap();
        let ray2 = changed.model("luma-ray2").unwrap();
        assert_eq!((ray2.timeout_ms, ray2.job_timeout_ms), (Some(5_000), Some(60_000)));
        let voices = serde_json::json!({ "text": "hi", "voice_id": "Boris" });
        let purpose = domain::catalog::Purpose::Generate;
        let read =
            |slug: &str| changed.model(slug).unwrap().read_params(voices.as_object().unwrap(), purpose);
        assert_eq!(read("elevenlabs-v2").unwrap().text("voice_id"), Some("Boris"));
        assert_eq!(read("elevenlabs-flash").unwrap_err()[0].field, "voice_id");
        wrong("[models.gpt-5]\ntimeout_ms = 999\n", "models.gpt-5.timeout_ms");
        wrong("[models.luma-ray2]\njob_timeout_ms = 3_600_001\n", "models.luma-ray2.job_timeout_ms");
        wrong("[models.gpt-5]\njob_timeout_ms = 60_000\n", "models.gpt-5.job_timeout_ms");
        wrong("[models.gpt-5]\nvoices = [\"Anna\"]\n", "models.gpt-5.voices");
        wrong("[models.openai-tts]\nvoices = []\n", "models.openai-tts.voices");
        wrong("[models.openai-tts]\nvoices = [\" \"]\n", "models.openai-tts.voices");
    }

    #[test]
    fn secrets_do_not_show() {
        let planted = "planted-secret-0123456789";
        let environment =
            [("NEURALBOX__PROVIDERS__OPENAI__API_KEY", planted), ("NEURALBOX__DATABASE__URL", planted)];
        let settings = read("", &environment).unwrap();
        assert!(!format!("{settings:?}").contains(planted));
        let broken = format!("[providers.openai]\napi_key = \"{planted}\n");
        let error = read(&broken, &[]).unwrap_err();
        assert!(!error.to_string().contains(planted), "{error}");
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
