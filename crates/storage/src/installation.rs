//! What kind of installation a database belongs to.

use crate::{Error, Storage};
use sea_orm::{ConnectionTrait, Statement};

/// Whether generations come from the sandbox or from vendors that bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sandbox.
    Sandbox,
    /// Real vendors.
    Live,
}

impl Mode {
    /// Its name in the database and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

impl Storage {
    /// Marks a new database with `mode`; on a marked one nothing changes. Returns the mode that stands.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_mode(&self, mode: Mode) -> Result<Mode, Error> {
        let backend = self.db.backend();
        let sql = "UPDATE installation SET mode = $1 WHERE id = 1 AND mode IS NULL";
        self.db
            .writer()
            .execute_raw(Statement::from_sql_and_values(backend, sql, [mode.name().into()]))
            .await?;
        self.mode().await?.ok_or_else(|| Error::BadRow("installation".to_owned()))
    }

    /// The mode of this database; `None` before the first process that reached vendors.
    ///
    /// # Errors
    /// The database's.
    pub async fn mode(&self) -> Result<Option<Mode>, Error> {
        let sql = "SELECT mode FROM installation WHERE id = 1";
        let row = self.db.writer().query_one_raw(Statement::from_string(self.db.backend(), sql)).await?;
        let row = row.ok_or_else(|| Error::BadRow("installation".to_owned()))?;
        let name: Option<String> = row.try_get("", "mode")?;
        Ok(name.and_then(|name| [Mode::Sandbox, Mode::Live].into_iter().find(|mode| mode.name() == name)))
    }

    /// Notes what tells the processes' master secret from others, where nothing is noted yet. Returns what stands.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_secret(&self, check: &str) -> Result<String, Error> {
        self.note_secret(
            "UPDATE installation SET secret_check = COALESCE(secret_check, $1) WHERE id = 1
            RETURNING secret_check",
            check,
        )
        .await
    }

    /// Notes what tells another master secret from others, in the place of whatever stood there.
    ///
    /// # Errors
    /// The database's.
    pub async fn replace_secret(&self, check: &str) -> Result<(), Error> {
        self.note_secret(
            "UPDATE installation SET secret_check = $1 WHERE id = 1 RETURNING secret_check",
            check,
        )
        .await
        .map(drop)
    }

    async fn note_secret(&self, sql: &str, check: &str) -> Result<String, Error> {
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [check.into()]);
        let row = self.db.writer().query_one_raw(statement).await?;
        let row = row.ok_or_else(|| Error::BadRow("installation".to_owned()))?;
        Ok(row.try_get("", "secret_check")?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The database's.
    pub async fn ping(&self) -> Result<(), Error> {
        let sql = "SELECT next_id FROM installation WHERE id = 1";
        self.db.reader().query_one_raw(Statement::from_string(self.db.backend(), sql)).await?;
        Ok(())
    }
}
