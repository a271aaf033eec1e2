//! Connections.

use crate::Error;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::time::Duration;

/// How to reach the database. Has no `Debug`, for the URL may hold a password.
#[derive(Clone)]
pub struct DbSettings {
    /// `sqlite://path?mode=rwc` or `postgres://…`. May hold a password.
    pub url: String,
    /// Connections at most; above five, three of them are for writing, and one for what writes in the background. A small
    /// number is the fast one.
    pub max_connections: u32,
    /// Milliseconds to wait for a connection before the database counts as unavailable.
    pub acquire_timeout_ms: u64,
    /// Milliseconds after which PostgreSQL gives a statement up.
    pub statement_timeout_ms: u64,
}

/// One way for what writes and one for what only reads: SQLite has a single writer, and on PostgreSQL the ledger does not
/// wait behind reads. Nor does it wait there behind what nobody waits for, which has a connection of its own.
#[derive(Clone)]
pub(crate) struct Db {
    writer: DatabaseConnection,
    background: DatabaseConnection,
    reader: DatabaseConnection,
}

/// The connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Those that are open.
    pub size: i64,
    /// Those that nobody uses.
    pub idle: i64,
}

impl PoolUse {
    fn of<D: sea_orm::sqlx::Database>(pool: &sea_orm::sqlx::Pool<D>) -> Self {
        Self { size: i64::from(pool.size()), idle: i64::try_from(pool.num_idle()).unwrap_or(i64::MAX) }
    }
}

const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// For a wallet that another process holds: its batches take milliseconds, so this one is stuck.
const POSTGRES_LOCK_TIMEOUT: &str = "1s";
/// PostgreSQL ends the session of a process that went silent in the middle of a transaction, and frees its locks.
const POSTGRES_IDLE_IN_TRANSACTION_TIMEOUT: &str = "10s";
/// Connections for the ledger and heartbeats, which must not wait behind a flood of reads.
const POSTGRES_WRITERS: u32 = 3;
/// Connections for what is forgotten, erased and summed up, batch after batch.
const POSTGRES_BACKGROUND_WRITERS: u32 = 1;

impl Db {
    pub(crate) async fn connect(settings: &DbSettings) -> Result<Self, Error> {
        let is_sqlite = settings.url.starts_with("sqlite:");
        if !is_sqlite && !settings.url.starts_with("postgres:") && !settings.url.starts_with("postgresql:") {
            return Err(Error::BadUrl);
        }
        if is_sqlite {
            let writer = connect(sqlite(settings, 1)).await?;
            let reader = connect(sqlite(settings, settings.max_connections)).await?;
            return Ok(Self { background: writer.clone(), writer, reader });
        }
        let writers = POSTGRES_WRITERS + POSTGRES_BACKGROUND_WRITERS;
        let readers = settings.max_connections.saturating_sub(writers).max(1);
        let writer = connect(postgres(settings, POSTGRES_WRITERS)).await?;
        let background = connect(postgres(settings, POSTGRES_BACKGROUND_WRITERS)).await?;
        let reader = connect(postgres(settings, readers)).await?;
        Ok(Self { writer, background, reader })
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// How many connections there are, by what they are for.
    pub(crate) fn pools(&self) -> Vec<(&'static str, PoolUse)> {
        let pools = [("writer", &self.writer), ("background", &self.background), ("reader", &self.reader)];
        if self.backend() == DbBackend::Postgres {
            return pools.map(|(name, pool)| (name, PoolUse::of(pool.get_postgres_connection_pool()))).into();
        }
        // On SQLite the background's is the writer's.
        let own = pools.into_iter().filter(|(name, _)| *name != "background");
        own.map(|(name, pool)| (name, PoolUse::of(pool.get_sqlite_connection_pool()))).collect()
    }

    /// For reads outside a write transaction.
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For single statements that write.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// For what writes while nobody waits for it. Each statement is to touch some thousand rows at most: on SQLite all others
    /// wait for it.
    pub(crate) fn background(&self) -> &DatabaseConnection {
        &self.background
    }

    /// A transaction that writes. SQLite takes its one write lock at once, so a read in it cannot grow stale.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.writer).await
    }

    /// As [`Self::begin`], for what [`Self::background`] is for.
    pub(crate) async fn begin_background(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.background).await
    }

    /// Lets a long piece of work on PostgreSQL take its time, until the end of `transaction`.
    pub(crate) async fn without_timeout(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        if self.backend() == DbBackend::Postgres {
            let sql = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
            transaction.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    /// A transaction that sees one state of the database throughout.
    pub(crate) async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let isolation_level =
            (self.backend() == DbBackend::Postgres).then_some(sea_orm::IsolationLevel::RepeatableRead);
        self.reader.begin_with_options(TransactionOptions { isolation_level, ..Default::default() }).await
    }
}

async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
    connection.begin_with_options(options).await
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, Error> {
    Database::connect(options).await.map_err(|error| match error {
        // The URL cannot be read; the message would repeat it.
        DbErr::Conn(RuntimeErr::Internal(_)) => Error::BadUrl,
        error => error.into(),
    })
}

fn sqlite(settings: &DbSettings, max_connections: u32) -> ConnectOptions {
    let mut options = shared(settings, max_connections);
    options.map_sqlx_sqlite_opts(|options| {
        options
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .pragma("journal_mode", "WAL")
            // What a client was told must survive a power cut.
            .pragma("synchronous", "FULL")
    });
    options
}

fn postgres(settings: &DbSettings, max_connections: u32) -> ConnectOptions {
    let mut options = shared(settings, max_connections);
    let statement_timeout = format!("{}ms", settings.statement_timeout_ms);
    options.map_sqlx_postgres_opts(move |options| {
        options.options([
            ("statement_timeout", statement_timeout.as_str()),
            ("lock_timeout", POSTGRES_LOCK_TIMEOUT),
            ("idle_in_transaction_session_timeout", POSTGRES_IDLE_IN_TRANSACTION_TIMEOUT),
            // Whatever the server's default: what a client was told must be on disk.
            ("synchronous_commit", "on"),
        ])
    });
    options
}

fn shared(settings: &DbSettings, max_connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(settings.url.clone());
    options
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        // A connection that an outage broke is found out before it fails a request.
        .test_before_acquire(true)
        .sqlx_logging(false);
    options
}
