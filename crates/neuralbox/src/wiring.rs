//! Putting the parts together.

use crate::{
    clock::SystemClock,
    commands::Error,
    settings::{self, Settings, SettingsError},
};
use app::{App, AppSettings, Parts};
use domain::port::Clock;
use providers::{Callbacks, Client, ClientError, Fetcher, VendorSettings, callbacks, leads_to_private};
use secrecy::ExposeSecret;
use std::{net::SocketAddr, sync::Arc};
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

/// A sandbox's jobs are no real vendor's: a worker on its database must find every vendor on this machine or its network.
pub(crate) async fn refuse_real_vendors_for_sandbox(
    settings: &Settings,
    storage: &Storage,
) -> Result<(), Error> {
    let is_real = |vendor: &VendorSettings| {
        vendor.api_key.is_some() && !vendor.base_url.as_deref().is_some_and(leads_to_private)
    };
    let real = settings.providers.iter().find(|(_, vendor)| is_real(vendor));
    match (storage.mode().await?, real) {
        (Some(Mode::Sandbox), Some((name, _))) => Err(Error::Other(format!(
            "this database is marked sandbox, and provider {name} is a real vendor: give it a base_url of the sandbox's"
        ))),
        _ => Ok(()),
    }
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
        clock,
    };
    let bind = addr.unwrap_or(settings.server.bind);
    let public_url = settings.server.public_url.clone().unwrap_or_else(|| format!("http://{bind}"));
    let daily_spend = settings.providers.iter();
    let daily_spend =
        daily_spend.filter_map(|(vendor, set)| Some((vendor.clone(), set.daily_spend_micro_usd?)));
    let app_settings = AppSettings {
        daily_spend_micro_usd: daily_spend.collect(),
        is_sandbox,
        answer_timeout_ms: settings.generation.answer_timeout_ms,
        max_result_bytes: settings.client.max_result_bytes,
        job_timeout_ms: settings.generation.job_timeout_ms,
        jobs_at_once: settings.generation.jobs_at_once,
        shutdown_grace_ms: settings.server.shutdown_grace_ms,
        is_public: !leads_to_private(&public_url),
        public_url,
    };
    Ok(App::new(parts, catalog, app_settings))
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
