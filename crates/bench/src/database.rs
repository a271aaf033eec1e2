//! Databases to measure on, with the schema and nothing else.

use crate::{
    Result,
    clock::SystemClock,
    process::{self, Pid},
};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement};
use std::{sync::Arc, time::Duration};
use storage::{DbSettings, Storage};
use tempfile::TempDir;

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

/// A database of our own. The PostgreSQL behind it is thrown away with all that is in it.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) kind: Kind,
    pub(crate) storage: Storage,
    /// PostgreSQL's first process.
    pub(crate) postmaster: Option<Pid>,
    /// Past the storage layer.
    direct: DatabaseConnection,
    _folder: Option<TempDir>,
}

impl Database {
    /// Makes one; on the PostgreSQL at `server_url`, where it is to be that.
    pub(crate) async fn make(kind: Kind, server_url: &str, name: &str) -> Result<Self> {
        let (url, folder) = match kind {
            Kind::Postgres => (make_in(server_url, name).await?, None),
            Kind::Sqlite => {
                let folder = TempDir::new()?;
                let file = folder.path().join("bench.db");
                (format!("sqlite://{}?mode=rwc", file.display()), Some(folder))
            }
        };
        let storage = connect_storage(&url).await?;
        storage.migrate().await?;
        let direct = connect(&url, 1).await?;
        let postmaster = match kind {
            Kind::Postgres => Some(postmaster(&direct).await?),
            Kind::Sqlite => None,
        };
        Ok(Self { url, kind, storage, postmaster, direct, _folder: folder })
    }

    /// Connections past the storage layer.
    pub(crate) async fn connect(&self, connections: u32) -> Result<DatabaseConnection> {
        connect(&self.url, connections).await
    }

    /// Has the work done that rows before have left behind, so that the next one does not pay for it.
    pub(crate) async fn settle_down(&self) -> Result<()> {
        let sql = match self.kind {
            Kind::Postgres => "CHECKPOINT",
            Kind::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        self.direct.execute_unprepared(sql).await?;
        Ok(())
    }
}

/// As a server has it that is set up as by default.
async fn connect_storage(url: &str) -> Result<Storage> {
    let settings = DbSettings {
        url: url.to_owned(),
        max_connections: 8,
        acquire_timeout_ms: 30_000,
        statement_timeout_ms: 10_000,
    };
    Ok(Storage::connect(&settings, Arc::new(SystemClock::new())).await?)
}

async fn make_in(server_url: &str, name: &str) -> Result<String> {
    let (server, _) = server_url.rsplit_once('/').ok_or("a URL that names a database")?;
    let admin = connect(server_url, 1).await?;
    // One that stopped halfway has left it behind.
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        admin.execute_unprepared(&sql).await?;
    }
    Ok(format!("{server}/{name}"))
}

async fn postmaster(direct: &DatabaseConnection) -> Result<Pid> {
    let statement = Statement::from_string(direct.get_database_backend(), "SELECT pg_backend_pid() AS pid");
    let row = direct.query_one_raw(statement).await?.ok_or("no pg_backend_pid()")?;
    let backend: i32 = row.try_get("", "pid")?;
    // In another place than this it cannot be watched.
    process::parent(Pid::try_from(backend)?)
}

async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .test_before_acquire(false)
        .sqlx_logging(false)
        // As the storage layer has it.
        .map_sqlx_sqlite_opts(|options| {
            let options = options.busy_timeout(Duration::from_secs(30));
            options.pragma("journal_mode", "WAL").pragma("synchronous", "FULL")
        });
    Ok(sea_orm::Database::connect(options).await?)
}
