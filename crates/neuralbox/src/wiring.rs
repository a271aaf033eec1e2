//! Putting the parts together.

use crate::{
    clock::SystemClock,
    commands::Error,
    master_secret,
    settings::{self, Settings, SettingsError},
};
use api::{CorsOrigins, HttpSettings, TrustedProxies};
use app::{App, AppSettings, BillingSettings, Parts, Scratch, WebhookSettings};
use domain::port::{Clock, PaymentGateway, PaymentMethod};
use payments::Gateway;
use providers::{
    Callbacks, Client, ClientError, Fetcher, VendorSettings, WebhookClient, WebhookClientSettings, callbacks,
    leads_to_private,
};
use secrecy::ExposeSecret;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use storage::{Blobs, DbSettings, Mode, SchemaState, Storage};

/// Connects to the database, whatever its schema.
pub(crate) async fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Storage, Error> {
    let database = &settings.database;
    let db = DbSettings {
        url: database.url.expose_secret().to_owned(),
        max_connections: database.max_connections,
        acquire_timeout_ms: database.acquire_timeout_ms,
        statement_timeout_ms: database.statement_timeout_ms,
    };
    Ok(Storage::connect(&db, clock).await?)
}

/// The clock of the machine.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Makes sure that the schema fits: a SQLite file and an empty PostgreSQL are migrated on the way, an older PostgreSQL is
/// left to `neuralbox migrate`, which a deploy runs once.
pub(crate) async fn ensure_schema(settings: &Settings, storage: &Storage) -> Result<(), Error> {
    let is_sqlite = settings.database.url.expose_secret().starts_with("sqlite:");
    match storage.schema_state().await? {
        SchemaState::Current => Ok(()),
        SchemaState::Empty => Ok(storage.migrate().await?),
        SchemaState::Older if is_sqlite => Ok(storage.migrate().await?),
        SchemaState::Older => Err(Error::Other(
            "the database's schema is older than this version: run `neuralbox migrate`".into(),
        )),
        SchemaState::Newer => {
            Err(Error::Other("the database's schema is newer than this version of NeuralBox".into()))
        }
    }
}

/// Makes sure that the schema fits, for work on what is there: an empty database is most likely the wrong one.
pub(crate) async fn require_schema(settings: &Settings, storage: &Storage) -> Result<(), Error> {
    if storage.schema_state().await? == SchemaState::Empty {
        return Err(Error::Other("the database is empty: is database.url right?".into()));
    }
    ensure_schema(settings, storage).await
}

/// Marks a new database with `mode`, and refuses one that is marked otherwise.
pub(crate) async fn ensure_mode(storage: &Storage, mode: Mode) -> Result<(), Error> {
    let marked = storage.mark_mode(mode).await?;
    if marked == mode {
        return Ok(());
    }
    let (marked, mode) = (marked.name(), mode.name());
    Err(Error::Other(format!(
        "this database is marked {marked} and cannot be served as {mode}: give another one by database.url"
    )))
}

/// Notes in a new database what tells this process's master secret from others, and refuses one that was served with another:
/// half the access tokens and webhooks would be signed otherwise than the rest.
pub(crate) async fn ensure_secret(settings: &Settings, storage: &Storage) -> Result<(), Error> {
    let check = master_secret::read(settings)?.check();
    if storage.mark_secret(&check).await? == check {
        return Ok(());
    }
    Err(Error::Other(
        "this database was served with another secret: give this process the same auth.secret (or \
         neuralbox-data/auth.key), or stop all processes and run `neuralbox migrate --new-secret` to change it on purpose"
            .to_owned(),
    ))
}

/// A sandbox's jobs are no real vendor's: a worker on its database must find every vendor on this machine or its network.
pub(crate) async fn refuse_real_vendors_for_sandbox(
    settings: &Settings,
    storage: &Storage,
) -> Result<(), Error> {
    let is_real = |vendor: &VendorSettings| {
        vendor.api_key.is_some() && !vendor.base_url.as_deref().is_some_and(leads_to_private)
    };
    let real = settings.providers.iter().find(|(_, vendor)| is_real(vendor));
    let real = real.map(|(name, _)| format!("provider {name}"));
    let real = real.or_else(|| real_payment_service(settings).map(str::to_owned));
    match (storage.mode().await?, real) {
        (Some(Mode::Sandbox), Some(name)) => Err(Error::Other(format!(
            "this database is marked sandbox, and {name} is the real one: give it a base_url of the sandbox's"
        ))),
        _ => Ok(()),
    }
}

/// A rehearsal charges nobody: it is for a copy of a database, with the sandbox for payment services or none.
pub(crate) fn refuse_real_payments_for_rehearsal(settings: &Settings) -> Result<(), Error> {
    match real_payment_service(settings) {
        Some(name) => Err(Error::Other(format!(
            "--as-of is for rehearsal, and {name} is the real one: give it a base_url of the sandbox's, or no key"
        ))),
        None => Ok(()),
    }
}

/// The section of a payment service that is configured and no sandbox.
fn real_payment_service(settings: &Settings) -> Option<&'static str> {
    let payments = &settings.payments;
    let services = [
        (PaymentMethod::Yookassa, "payments.yookassa", &payments.yookassa.base_url),
        (PaymentMethod::TelegramStars, "payments.telegram", &payments.telegram.base_url),
    ];
    let is_real = |method, url: &str| payments.is_configured(method) && !leads_to_private(url);
    services.into_iter().find(|(method, _, url)| is_real(*method, url)).map(|(_, name, _)| name)
}

/// Points every vendor that `sandbox` speaks for at it, and leaves no way to the others. What else is set for a vendor
/// stays.
pub(crate) fn use_sandbox(settings: &mut Settings, sandbox: &sandbox::Sandbox) {
    let mut given = std::mem::take(&mut settings.providers);
    for vendor in sandbox::vendors() {
        let base_url = sandbox.base_url(vendor);
        let given = given.remove(vendor).unwrap_or_default();
        let entry = VendorSettings {
            api_key: Some("sandbox".into()),
            base_url,
            callbacks: callbacks(vendor) != Callbacks::None,
            webhook_secret: sandbox::webhook_secret(vendor).map(Into::into),
            ..given
        };
        settings.providers.insert(vendor.to_owned(), entry);
    }
    let (yookassa, telegram) = (&mut settings.payments.yookassa, &mut settings.payments.telegram);
    yookassa.shop_id = "100500".to_owned();
    yookassa.secret_key = "test_sandbox".into();
    yookassa.base_url = sandbox.base_url("yookassa").unwrap_or_default();
    telegram.bot_token = "1:sandbox".into();
    telegram.webhook_secret = SANDBOX_WEBHOOK_SECRET.into();
    telegram.base_url = sandbox.base_url("telegram").unwrap_or_default();
}

/// Payments, subscriptions or refunds that a worker works on at the same time.
const BILLED_AT_ONCE: usize = 8;

/// What the sandbox's Telegram proves itself by.
const SANDBOX_WEBHOOK_SECRET: &str = "sandbox";

/// Where the API at `addr` is told what happens at the sandbox's payment services.
pub(crate) fn sandbox_notifications(addr: SocketAddr) -> sandbox::NotificationTargets {
    let url = |service: &str| format!("http://{addr}/api/v2/billing/notifications/{service}");
    sandbox::NotificationTargets {
        yookassa: Some(url("yookassa")),
        telegram: Some((url("telegram"), SANDBOX_WEBHOOK_SECRET.to_owned())),
    }
}

/// The payment services that are configured.
fn gateways(settings: &Settings) -> Result<Vec<Arc<dyn PaymentGateway>>, SettingsError> {
    let configured = PaymentMethod::ALL.into_iter().filter(|method| settings.payments.is_configured(*method));
    let gateway = |method| match Gateway::new(method, &settings.payments) {
        Ok(gateway) => Ok(Arc::new(gateway) as Arc<dyn PaymentGateway>),
        Err(error) => Err(SettingsError::bad("payments", error.to_string())),
    };
    configured.map(gateway).collect()
}

/// The use-cases over `storage` and the vendors that `settings` name. `addr` is where the API is, for a process that serves it.
pub(crate) fn app(
    settings: &Settings,
    storage: Storage,
    is_sandbox: bool,
    addr: Option<SocketAddr>,
    clock: Arc<dyn Clock>,
) -> Result<App, Error> {
    let catalog = settings::catalog(settings)?;
    let fetcher = Fetcher::new(settings.fetch.clone());
    let parts = Parts {
        storage,
        blobs: Blobs::open(&settings.files)
            .map_err(|error| SettingsError::bad("files", error.to_string()))?,
        provider: Arc::new(client(settings)?),
        fetch: Arc::new(fetcher.map_err(|error| SettingsError::bad("fetch", error.to_string()))?),
        gateways: gateways(settings)?,
        clock,
        scratch: scratch(settings)?,
        master_secret: master_secret::read(settings)?,
        webhook_sender: Arc::new(webhook_client(settings)?),
        show_generation: api::ended_generation,
    };
    let public_url = public_url(settings, addr);
    let daily_spend = settings.providers.iter();
    let daily_spend =
        daily_spend.filter_map(|(vendor, set)| Some((vendor.clone(), set.daily_spend_micro_usd?)));
    let app_settings = AppSettings {
        daily_spend_micro_usd: daily_spend.collect(),
        billing: BillingSettings {
            rules: settings.billing.rules(),
            kopecks_per_star: settings.payments.telegram.kopecks_per_star,
            rows_at_once: BILLED_AT_ONCE,
        },
        sign_in: settings.auth.sign_in(&settings.payments.telegram.bot_token),
        is_sandbox,
        answer_timeout_ms: settings.generation.answer_timeout_ms,
        max_result_bytes: settings.client.max_result_bytes,
        job_timeout_ms: settings.generation.job_timeout_ms,
        jobs_at_once: settings.generation.jobs_at_once,
        file_wait_ms: settings.generation.file_wait_ms,
        input_timeout_ms: settings.generation.input_timeout_ms,
        inputs_at_once: settings.generation.inputs_at_once,
        inputs_at_once_per_account: settings.generation.inputs_at_once_per_account,
        streams_per_account: settings.limits.streams_per_account,
        shutdown_grace_ms: settings.server.shutdown_grace_ms,
        webhooks: WebhookSettings {
            endpoints_per_account: settings.webhooks.endpoints_per_account,
            sent_at_once: settings.webhooks.sent_at_once,
            sent_at_once_per_host: settings.webhooks.sent_at_once_per_host,
        },
        is_public: !leads_to_private(&public_url),
        public_url,
    };
    Ok(App::new(parts, catalog, app_settings))
}

/// Prefix of every URL handed out. `addr` is where the API is, once that is known.
pub(crate) fn public_url(settings: &Settings, addr: Option<SocketAddr>) -> String {
    let bind = addr.unwrap_or(settings.server.bind);
    settings.server.public_url.clone().unwrap_or_else(|| format!("http://{bind}"))
}

/// What is decided about HTTP.
pub(crate) fn http(settings: &Settings) -> Result<HttpSettings, SettingsError> {
    let proxies = TrustedProxies::parse(&settings.server.trusted_proxies);
    let origins = CorsOrigins::parse(&settings.server.cors_origins);
    Ok(HttpSettings {
        trusted_proxies: proxies.map_err(|message| SettingsError::bad("server.trusted_proxies", message))?,
        public_per_minute: settings.limits.public_per_minute,
        sign_in_per_minute: settings.limits.sign_in_per_minute,
        limits: settings.limits.http(),
        cors_origins: origins.map_err(|message| SettingsError::bad("server.cors_origins", message))?,
    })
}

/// The folder for files on their way, in which each process has its own.
pub(crate) fn scratch_root(settings: &Settings) -> PathBuf {
    let root = settings.server.scratch_dir.clone();
    root.unwrap_or_else(|| std::env::temp_dir().join("neuralbox"))
}

fn scratch(settings: &Settings) -> Result<Scratch, SettingsError> {
    let root = scratch_root(settings);
    Scratch::open(&root)
        .map_err(|error| SettingsError::bad("server.scratch_dir", format!("{}: {error}", root.display())))
}

/// The way to clients' servers.
fn webhook_client(settings: &Settings) -> Result<WebhookClient, SettingsError> {
    let settings = WebhookClientSettings {
        timeout_ms: settings.webhooks.timeout_ms,
        allow_private: settings.webhooks.allow_private,
    };
    WebhookClient::new(settings).map_err(|error| SettingsError::bad("webhooks", error.to_string()))
}

/// The IO client of all vendors.
pub(crate) fn client(settings: &Settings) -> Result<Client, SettingsError> {
    Client::new(settings.client.clone(), settings.providers.clone())
        .map_err(|error| SettingsError::bad(setting_of(&error), error.to_string()))
}

/// The setting behind a client that cannot be made.
fn setting_of(error: &ClientError) -> String {
    match error {
        ClientError::BaseUrl { vendor, .. } => format!("providers.{vendor}.base_url"),
        ClientError::Key { vendor } => format!("providers.{vendor}.api_key"),
        ClientError::NoCallbacks { vendor } => format!("providers.{vendor}.callbacks"),
        ClientError::WebhookSecret { vendor, .. } => format!("providers.{vendor}.webhook_secret"),
        ClientError::Http(_) => "client".to_owned(),
    }
}
