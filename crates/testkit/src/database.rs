//! Databases of a test's own.

use domain::port::Clock;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, QueryResult, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};
use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use storage::{CommitWatch, DbSettings, Storage};
use tempfile::TempDir;

/// Where the tests find a PostgreSQL on which they may make databases.
const POSTGRES_URL: &str = "NEURALBOX_TEST_POSTGRES_URL";
/// Set to 1 by whoever wants the tests without PostgreSQL.
const SQLITE_ONLY: &str = "NEURALBOX_TEST_SQLITE_ONLY";

/// Milliseconds that a connection and a statement may take.
const TIMEOUT_MS: u64 = 10_000;

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The embedded default.
    Sqlite,
    /// For production.
    Postgres,
}

/// A database of a test's own, gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// How to reach it.
    pub url: String,
    timeout_ms: u64,
    guard: Guard,
}

#[derive(Debug)]
enum Guard {
    Folder {
        _folder: TempDir,
    },
    /// The database goes with its server.
    Server,
    Postgres {
        admin_url: String,
        name: String,
    },
}

/// Makes a database, or nothing for PostgreSQL when the tests run without it on purpose.
pub async fn database(backend: Backend) -> Option<TestDatabase> {
    let database = empty_database(backend).await?;
    let clock = Arc::new(crate::ManualClock::default());
    database.storage(clock).await.migrate().await.expect("a fresh database migrates");
    Some(database)
}

/// As [`database`], but without any tables.
pub async fn empty_database(backend: Backend) -> Option<TestDatabase> {
    match backend {
        Backend::Sqlite => {
            let folder = TempDir::new().expect("a temporary folder");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
            Some(TestDatabase { url, timeout_ms: TIMEOUT_MS, guard: Guard::Folder { _folder: folder } })
        }
        Backend::Postgres => postgres().await,
    }
}

async fn postgres() -> Option<TestDatabase> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let admin_url = admin_url()?;
    let name = format!("neuralbox_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(&admin_url).await;
    // A process of that number may have left one behind when it was killed.
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        admin.execute_unprepared(&sql).await.expect("the test server lets us make databases");
    }
    let (server, _) = admin_url.rsplit_once('/').expect("a URL that names a database");
    let url = format!("{server}/{name}");
    Some(TestDatabase { url, timeout_ms: TIMEOUT_MS, guard: Guard::Postgres { admin_url, name } })
}

/// The directory of the programs of the server that the tests use, as it says itself; `None` when they run without PostgreSQL.
pub(crate) async fn programs_of_server() -> Option<String> {
    let admin_url = admin_url()?;
    let admin = connect(&admin_url).await;
    let sql = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
    let row = admin.query_one_raw(Statement::from_string(admin.get_database_backend(), sql)).await;
    let row = row.expect("the test server lets us look at its programs").expect("every server has programs");
    Some(row.try_get_by_index(0).expect("a text"))
}

/// Where the tests may make databases; `None` when they run without PostgreSQL on purpose.
fn admin_url() -> Option<String> {
    let given = env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty());
    if given.is_none() && env::var(SQLITE_ONLY).is_ok_and(|value| value == "1") {
        return None;
    }
    Some(given.unwrap_or_else(|| {
        panic!(
            "run `cargo xtask test`, or set {POSTGRES_URL}, or set {SQLITE_ONLY}=1 to go without PostgreSQL"
        )
    }))
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("the test server answers")
}

impl TestDatabase {
    /// The only database of a server of a test's own, migrated.
    pub async fn of_server(server: &crate::PostgresServer) -> Self {
        let url = server.url();
        let database = Self { url, timeout_ms: TIMEOUT_MS, guard: Guard::Server };
        let clock = Arc::new(crate::ManualClock::default());
        database.storage(clock).await.migrate().await.expect("a fresh database migrates");
        database
    }

    /// The same PostgreSQL database by way of another port of this machine. The original must outlive it.
    pub fn through(&self, port: u16) -> Self {
        let (head, tail) = self.url.split_once('@').expect("a URL with a user");
        let (_, name) = tail.split_once('/').expect("a URL that names a database");
        let url = format!("{head}@127.0.0.1:{port}/{name}");
        Self { url, timeout_ms: self.timeout_ms, guard: Guard::Server }
    }

    /// The port of its server, which is on this machine.
    pub fn port(&self) -> u16 {
        let address = self.url.split_once('@').and_then(|(_, tail)| tail.split_once('/'));
        let (address, _) = address.expect("a URL with a user, an address and a name");
        address.rsplit_once(':').map_or(Ok(5432), |(_, port)| port.parse()).expect("a port")
    }

    /// The same for who waits no longer than this for a connection, or for what a statement does.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.timeout_ms = 3_000;
        self
    }

    /// Cuts every connection to a PostgreSQL database; new ones are let in. Gives how many there were.
    pub async fn cut(&self) -> usize {
        let db = connect(&self.url).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let statement = Statement::from_string(db.get_database_backend(), sql);
        db.query_all_raw(statement).await.expect("the test server lets us cut connections").len()
    }

    /// Runs a statement in a transaction of another process's, as it were, and leaves that open: it keeps what it has locked
    /// until it is dropped.
    pub async fn open_transaction(&self, sql: &str) -> OpenTransaction {
        let db = connect(&self.url).await;
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let transaction = db.begin_with_options(options).await.expect("the test database answers");
        transaction.execute_unprepared(sql).await.expect("a statement that can be run");
        OpenTransaction { transaction }
    }

    /// A connection of its own, as another process would have it.
    pub async fn storage(&self, clock: Arc<dyn Clock>) -> Storage {
        Storage::connect(&self.settings(), clock).await.expect("the test database answers")
    }

    /// The same, with a watch over what is committed.
    pub async fn storage_watched(&self, clock: Arc<dyn Clock>, watch: Arc<dyn CommitWatch>) -> Storage {
        let storage = Storage::connect_watched(&self.settings(), clock, watch).await;
        storage.expect("the test database answers")
    }

    fn settings(&self) -> DbSettings {
        DbSettings {
            url: self.url.clone(),
            max_connections: 4,
            acquire_timeout_ms: self.timeout_ms,
            statement_timeout_ms: self.timeout_ms,
        }
    }

    /// Runs statements past the storage layer, as an attacker or a bug would.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&self, sql: &str) -> Result<(), String> {
        let db = connect(&self.url).await;
        let result = db.execute_unprepared(sql).await;
        result.map(drop).map_err(|error| error.to_string())
    }

    /// A connection that reads past the storage layer.
    pub async fn auditor(&self) -> Auditor {
        Auditor { db: connect(&self.url).await }
    }

    /// Cuts every connection to a PostgreSQL database and lets nobody in, until [`Self::open`].
    pub async fn shut(&self) {
        let Guard::Postgres { admin_url, name } = &self.guard else { panic!("a file cannot be shut") };
        let admin = connect(admin_url).await;
        for sql in [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        ] {
            admin.execute_unprepared(&sql).await.expect("the test server lets us shut databases");
        }
    }

    /// Lets connections in again.
    pub async fn open(&self) {
        let Guard::Postgres { admin_url, name } = &self.guard else { panic!("a file cannot be shut") };
        let sql = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
        connect(admin_url)
            .await
            .execute_unprepared(&sql)
            .await
            .expect("the test server lets us open databases");
    }
}

/// A transaction that is open.
pub struct OpenTransaction {
    transaction: DatabaseTransaction,
}

impl OpenTransaction {
    /// Ends it, with nothing done.
    pub async fn end(self) {
        self.transaction.rollback().await.expect("the test database answers");
    }
}

/// Reads what the tables hold, whatever the storage layer makes of it.
#[derive(Debug)]
pub struct Auditor {
    db: DatabaseConnection,
}

impl Auditor {
    /// What `columns` of `table` hold, each as text, and nothing as "".
    pub async fn read(&self, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let text = |column: &&str| format!("COALESCE(CAST({column} AS TEXT), '')");
        let texts: Vec<String> = columns.iter().map(text).collect();
        let sql = format!("SELECT {} FROM {table}", texts.join(", "));
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        let rows = self.db.query_all_raw(statement).await.expect("the test database answers");
        let cell = |row: &QueryResult, at: usize| row.try_get_by_index::<String>(at).expect("a text");
        rows.iter().map(|row| (0..columns.len()).map(|at| cell(row, at)).collect()).collect()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Guard::Postgres { admin_url, name } = &self.guard else { return };
        let (admin_url, sql) = (admin_url.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // A thread of its own, for a test's runtime may be ending and cannot wait here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async { connect(&admin_url).await.execute_unprepared(&sql).await })
        });
        drop(dropping.join());
    }
}

/// Runs each named `async fn(TestDatabase)` on both databases, as tests `sqlite::name` and `postgres::name`.
#[macro_export]
macro_rules! on_each_database {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(database) = $crate::database($crate::Backend::Sqlite).await {
                    super::$test(database).await;
                }
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(database) = $crate::database($crate::Backend::Postgres).await {
                    super::$test(database).await;
                }
            })+
        }
    };
}
