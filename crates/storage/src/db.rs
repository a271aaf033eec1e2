//! Connections.

mod pinned;
mod timed;

pub(crate) use pinned::Pinned;
pub(crate) use timed::Transaction;

use crate::{
    Error,
    commits::{Moment, Watched},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, ConnectOptions as _, Connection, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    },
};
use std::time::Duration;
use timed::Timed;

/// How to reach the database. Has no `Debug`, for the URL may hold a password.
#[derive(Clone)]
pub struct DbSettings {
    /// `sqlite://path?mode=rwc` or `postgres://…`. May hold a password.
    pub url: String,
    /// Connections at most; on PostgreSQL two of them are the ledger's own, two for what else is written, one for what is written in
    /// the background, and the rest, one at least, for reading. A small number is the fast one.
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
    writer: Timed<DatabaseConnection>,
    background: Timed<DatabaseConnection>,
    reader: Timed<DatabaseConnection>,
    /// How the ledger's own connections are made; `None` on SQLite.
    pinned: Option<Pinning>,
    watched: Watched,
}

#[derive(Clone)]
struct Pinning {
    options: PgConnectOptions,
    connect_limit: Duration,
    /// For each statement.
    limit: Duration,
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
    fn of<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> Self {
        Self { size: i64::from(pool.size()), idle: i64::try_from(pool.num_idle()).unwrap_or(i64::MAX) }
    }
}

const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How SQLite's writer keeps what it writes.
const FOR_BATCHES: [(&str, &str); 2] = [
    // Where a statement has what it would take back: rows of one batch. A file would be written for each statement.
    ("temp_store", "MEMORY"),
    // Pages: 16 MB, so that one which many batches write goes from the log to the file once.
    ("wal_autocheckpoint", "4000"),
];
/// For a wallet that another process holds: its batches take milliseconds, so this one is stuck.
const POSTGRES_LOCK_TIMEOUT: &str = "1s";
/// PostgreSQL ends the session of a process that went silent in the middle of a transaction, and frees its locks.
const POSTGRES_IDLE_IN_TRANSACTION_TIMEOUT: &str = "10s";
/// How much longer than PostgreSQL takes to give a statement up its answer is waited for.
const POSTGRES_ANSWER_GRACE: Duration = Duration::from_secs(2);
/// How long a connection may take to say that it is there.
const POSTGRES_PING_LIMIT: Duration = Duration::from_secs(1);
/// How what writes is planned: it touches a few rows of tables that may be large, by their keys. Left to itself, PostgreSQL
/// keeps a plan that it made while a table was small, and reads all of it ever after; and it takes the rows of a document for a
/// hundred, which it joins with a table by reading that.
const FOR_FEW_ROWS: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_custom_plan"),
    ("random_page_cost", "1.1"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// As [`FOR_FEW_ROWS`], for the few statements of the ledger that are asked again and again: planned once, and since nothing else is
/// left to the planner than to look rows up by their keys, planned right.
const BY_KEYS: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("random_page_cost", "1.1"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_material", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// Connections that the ledger keeps to itself.
const POSTGRES_PINNED: u32 = 2;
/// Connections for heartbeats and whatever else is written, which must not wait behind a flood of reads.
const POSTGRES_WRITERS: u32 = 2;
/// Connections for what is forgotten, erased and summed up, batch after batch.
const POSTGRES_BACKGROUND_WRITERS: u32 = 1;

impl Db {
    pub(crate) async fn connect(settings: &DbSettings, watched: Watched) -> Result<Self, Error> {
        let is_sqlite = settings.url.starts_with("sqlite:");
        if !is_sqlite && !settings.url.starts_with("postgres:") && !settings.url.starts_with("postgresql:") {
            return Err(Error::BadUrl);
        }
        if is_sqlite {
            let writer = Timed::new(connect(sqlite(settings, 1, &FOR_BATCHES)).await?, None);
            let readers = sqlite(settings, settings.max_connections, &[]);
            let reader = Timed::new(connect(readers).await?, None);
            return Ok(Self { background: writer.clone(), writer, reader, pinned: None, watched });
        }
        let writers = POSTGRES_PINNED + POSTGRES_WRITERS + POSTGRES_BACKGROUND_WRITERS;
        let readers = settings.max_connections.saturating_sub(writers).max(1);
        let patience = Duration::from_millis(settings.statement_timeout_ms) + POSTGRES_ANSWER_GRACE;
        let limit = Some(patience);
        let writer = Timed::new(connect(postgres(settings, POSTGRES_WRITERS, &FOR_FEW_ROWS)).await?, limit);
        let background =
            Timed::new(connect(postgres(settings, POSTGRES_BACKGROUND_WRITERS, &[])).await?, limit);
        let reader = Timed::new(connect(postgres(settings, readers, &[])).await?, limit);
        let options: PgConnectOptions = settings.url.parse().map_err(|_| Error::BadUrl)?;
        let options = as_set(options, settings, &BY_KEYS).disable_statement_logging();
        let connect_limit = Duration::from_millis(settings.acquire_timeout_ms);
        let pinned = Some(Pinning { options, connect_limit, limit: patience });
        Ok(Self { writer, background, reader, pinned, watched })
    }

    /// A connection of its own for the ledger, whose commits wait for the disk, or do not. `None` on SQLite, whose one writer is
    /// all that there is, and on a standby.
    pub(crate) async fn pin(&self, is_flushed: bool) -> Result<Option<Pinned>, DbErr> {
        let Some(Pinning { options, connect_limit, limit }) = self.pinned.clone() else { return Ok(None) };
        let synchronous_commit = if is_flushed { "on" } else { "off" };
        let options = options.options([("synchronous_commit", synchronous_commit)]);
        let pinned = timed::in_time(Some(connect_limit), Pinned::connect(&options, limit)).await?;
        // A standby would answer what is read, late, and refuse what is written.
        let sql = "SELECT 1 WHERE NOT pg_is_in_recovery()";
        let is_primary = pinned.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Ok(is_primary.map(|_| pinned))
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// How many connections there are, by what they are for.
    pub(crate) fn pools(&self) -> Vec<(&'static str, PoolUse)> {
        let pools = [("writer", &self.writer), ("background", &self.background), ("reader", &self.reader)];
        if self.backend() == DbBackend::Postgres {
            return pools
                .map(|(name, pool)| (name, PoolUse::of(pool.patient().get_postgres_connection_pool())))
                .into();
        }
        // On SQLite the background's is the writer's.
        let own = pools.into_iter().filter(|(name, _)| *name != "background");
        own.map(|(name, pool)| (name, PoolUse::of(pool.patient().get_sqlite_connection_pool()))).collect()
    }

    /// For reads outside a write transaction.
    pub(crate) fn reader(&self) -> &Timed<DatabaseConnection> {
        &self.reader
    }

    /// For single statements that write.
    pub(crate) fn writer(&self) -> &Timed<DatabaseConnection> {
        &self.writer
    }

    /// For what writes while nobody waits for it. Each statement is to touch some thousand rows at most: on SQLite all others
    /// wait for it.
    pub(crate) fn background(&self) -> &Timed<DatabaseConnection> {
        &self.background
    }

    /// A transaction that writes. SQLite takes its one write lock at once, so a read in it cannot grow stale.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        self.writer.begin(immediate()).await
    }

    /// As [`Self::begin`], for what [`Self::background`] is for.
    pub(crate) async fn begin_background(&self) -> Result<Transaction, DbErr> {
        self.background.begin(immediate()).await
    }

    /// Commits a transaction of [`Self::begin`]; `step` says what it was for.
    pub(crate) async fn commit(&self, transaction: Transaction, step: &'static str) -> Result<(), DbErr> {
        self.watch(step, transaction.commit()).await
    }

    /// Has whoever watches hear of a commit that `committing` does.
    pub(crate) async fn watch(
        &self,
        step: &'static str,
        committing: impl Future<Output = Result<(), DbErr>>,
    ) -> Result<(), DbErr> {
        self.watched.reached(step, Moment::Before).await;
        committing.await?;
        self.watched.reached(step, Moment::After).await;
        Ok(())
    }

    /// As [`Self::begin`], for a long piece of work, which takes its time.
    pub(crate) async fn begin_long(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.writer.patient().begin_with_options(immediate()).await?;
        self.without_timeout(&transaction).await?;
        Ok(transaction)
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
        self.reader
            .patient()
            .begin_with_options(TransactionOptions { isolation_level, ..Default::default() })
            .await
    }
}

fn immediate() -> TransactionOptions {
    let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
    TransactionOptions { sqlite_transaction_mode, ..Default::default() }
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, Error> {
    Database::connect(options).await.map_err(|error| match error {
        // The URL cannot be read; the message would repeat it.
        DbErr::Conn(RuntimeErr::Internal(_)) => Error::BadUrl,
        error => error.into(),
    })
}

fn sqlite(settings: &DbSettings, max_connections: u32, own: &'static [(&str, &str)]) -> ConnectOptions {
    let mut options = shared(settings, max_connections);
    options.map_sqlx_sqlite_opts(|options| {
        let options = options
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .pragma("journal_mode", "WAL")
            // What a client was told must survive a power cut.
            .pragma("synchronous", "FULL");
        own.iter().fold(options, |options, (name, value)| options.pragma(*name, *value))
    });
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(is_outside(connection)))
    });
    options
}

/// Whether no transaction is open any more; a connection with one is closed. When SQLite cannot commit, for its disk is full, it
/// may end the transaction by itself, and sqlx loses count: what is done next would go into a transaction that nobody commits.
async fn is_outside(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // By then it has done what it was told before, the rollback among it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

fn postgres(
    settings: &DbSettings,
    max_connections: u32,
    planning: &'static [(&str, &str)],
) -> ConnectOptions {
    let mut options = shared(settings, max_connections);
    let own = settings.clone();
    options.map_sqlx_postgres_opts(move |options| as_set(options, &own, planning));
    options.map_sqlx_postgres_pool_opts(|pool| {
        let pool =
            pool.test_before_acquire(false).before_acquire(|connection, _| Box::pin(answers(connection)));
        pool.after_release(|connection, _| Box::pin(answers(connection)))
    });
    options
}

/// What holds for each connection, but for its pool.
fn as_set(
    options: PgConnectOptions,
    settings: &DbSettings,
    planning: &'static [(&str, &str)],
) -> PgConnectOptions {
    let statement_timeout = format!("{}ms", settings.statement_timeout_ms);
    options
        .options([
            ("statement_timeout", statement_timeout.as_str()),
            ("lock_timeout", POSTGRES_LOCK_TIMEOUT),
            ("idle_in_transaction_session_timeout", POSTGRES_IDLE_IN_TRANSACTION_TIMEOUT),
            // Whatever the server's default: what a client was told must be on disk.
            ("synchronous_commit", "on"),
        ])
        .options(planning.iter().copied())
}

/// Whether a connection is good for anything; one that is not is closed. sqlx itself asks too, and waits for the answer without
/// end, while the connection keeps its place in the pool.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answered = tokio::time::timeout(POSTGRES_PING_LIMIT, connection.ping()).await;
    Ok(answered.map_err(|_| sqlx::Error::PoolTimedOut)?.is_ok())
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
