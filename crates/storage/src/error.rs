//! What can go wrong with the database.

use sea_orm::{DbErr, RuntimeErr};

/// Trouble with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL names neither SQLite nor PostgreSQL. The URL itself may hold a password, so it is not repeated.
    #[error("database.url must be a URL that starts with sqlite:// or postgres://")]
    BadUrl,
    /// The database cannot be reached, or cannot write. What was asked may be tried again.
    #[error("the database is not available: {0}")]
    Unavailable(DbErr),
    /// More commands wait for the ledger than it takes.
    #[error("too many commands wait for the ledger")]
    Overloaded,
    /// The database went away while it was to commit: what was asked may have happened or not.
    #[error("the database went away before it told the outcome")]
    OutcomeUnknown,
    /// The e-mail address belongs to an account already.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// Whoever that is at Telegram has an account already.
    #[error("an account of this user of Telegram exists")]
    TelegramTaken,
    /// The ids below 2^53 are used up.
    #[error("there are no ids left")]
    OutOfIds,
    /// A row that this version cannot read.
    #[error("the database holds a row that this version cannot read: {0}")]
    BadRow(String),
    /// The ledger's work was lost in a panic.
    #[error("the ledger has stopped")]
    LedgerStopped,
    /// Anything else the database says.
    #[error("database: {0}")]
    Database(DbErr),
}

/// What an error of the database means for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It lost against another transaction and has changed nothing: try again at once.
    Conflict,
    /// A row stayed locked by another process for longer than any of them should take.
    Locked,
    /// The database is away, or cannot write.
    Unavailable,
    /// It is wrong, and would be again.
    Other,
}

impl Trouble {
    /// Sorts an error by the database's own codes: SQLSTATE on PostgreSQL, extended result codes on SQLite.
    pub(crate) fn of(error: &DbErr) -> Self {
        let runtime = match error {
            // A guarded write found another state than was read.
            DbErr::RecordNotUpdated => return Self::Conflict,
            DbErr::ConnectionAcquire(_) => return Self::Unavailable,
            DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
            _ => return Self::Other,
        };
        let RuntimeErr::SqlxError(error) = runtime else { return Self::Unavailable };
        let Some(error) = error.as_database_error() else { return Self::Unavailable };
        let code = error.code().unwrap_or_default();
        if let Ok(sqlite) = code.parse::<u32>()
            && code.len() < 5
        {
            // The low byte is the primary result code: https://sqlite.org/rescode.html
            return match sqlite & 0xff {
                // BUSY itself: SQLite has waited for seconds already, so somebody keeps the file locked.
                5 if sqlite == 5 => Self::Unavailable,
                // BUSY_RECOVERY, BUSY_SNAPSHOT, LOCKED
                5 | 6 => Self::Conflict,
                // PERM, READONLY, IOERR, FULL, CANTOPEN
                3 | 8 | 10 | 13 | 14 => Self::Unavailable,
                _ => Self::Other,
            };
        }
        match code.as_ref() {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Self::Conflict,
            // lock_not_available
            "55P03" => Self::Locked,
            // query_canceled (our statement timeout), read_only_sql_transaction (a standby)
            "57014" | "25006" => Self::Unavailable,
            // object_not_in_prerequisite_state (lets nobody in), invalid_catalog_name (renamed or gone)
            "55000" | "3D000" => Self::Unavailable,
            // connection_exception, invalid_authorization_specification, insufficient_resources, …
            code if ["08", "28", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
                Self::Unavailable
            }
            _ => Self::Other,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match Trouble::of(&error) {
            Trouble::Conflict | Trouble::Locked | Trouble::Unavailable => Self::Unavailable(error),
            Trouble::Other => Self::Database(error),
        }
    }
}

#[cfg(test)]
mod tests;
