//! The schema: whether it fits this version, and bringing it up.

use crate::{Error, Storage};
use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// How the database's schema stands to this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// It fits.
    Current,
    /// There is none yet.
    Empty,
    /// Migrations are missing.
    Older,
    /// A newer version has migrated it.
    Newer,
}

/// Keeps two processes from migrating at once. The number is ours alone in the database.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7235441200001)";

impl Storage {
    /// Whether the schema fits this version.
    ///
    /// # Errors
    /// The database's.
    pub async fn schema_state(&self) -> Result<SchemaState, Error> {
        let tables = match self.db.backend() {
            DbBackend::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
            }
            _ => {
                "SELECT table_name FROM information_schema.tables
                 WHERE table_schema = current_schema() AND table_name = 'seaql_migrations'"
            }
        };
        let db = self.db.writer();
        if db.query_one_raw(Statement::from_string(self.db.backend(), tables)).await?.is_none() {
            return Ok(SchemaState::Empty);
        }
        let sql = "SELECT version FROM seaql_migrations";
        let rows = db.query_all_raw(Statement::from_string(self.db.backend(), sql)).await?;
        let applied = rows.iter().map(|row| row.try_get::<String>("", "version"));
        let applied = applied.collect::<Result<Vec<_>, _>>()?;
        let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
        Ok(match () {
            () if applied.is_empty() => SchemaState::Empty,
            () if applied.iter().any(|version| !known.contains(version)) => SchemaState::Newer,
            () if applied.len() < known.len() => SchemaState::Older,
            () => SchemaState::Current,
        })
    }

    /// Applies what is missing, under a lock and all or nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn migrate(&self) -> Result<(), Error> {
        let transaction = self.db.begin_long().await?;
        if self.db.backend() == DbBackend::Postgres {
            transaction.execute_unprepared(POSTGRES_LOCK).await?;
        }
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}
