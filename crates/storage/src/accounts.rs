//! Accounts.

use crate::{
    Error, NewKey, Storage,
    entity::{account, email_directory},
    keys::insert_key,
    ledger::{Completion, LedgerError, insert_empty_wallet, run_in},
};
use domain::{id::AccountId, ledger::Command, time::Timestamp};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, SqlErr};

/// An account to be opened.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id, fresh.
    pub id: AccountId,
    /// Its e-mail address as the person writes it; compared without regard to case.
    pub email: String,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its id.
    pub id: AccountId,
    /// Its e-mail address.
    pub email: String,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl Storage {
    /// Opens an account with its wallet and its first key, and carries out the `opening` commands (its first cycle or grants)
    /// in the same transaction: there is no account without what it was promised.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], a [`domain::ledger::Refusal`] of an opening command, or the database's; nothing has
    /// changed then.
    pub async fn create_account(
        &self,
        account: NewAccount,
        key: Option<NewKey>,
        opening: Vec<Command<Completion>>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let transaction = self.db.begin().await.map_err(Error::from)?;
        let directory = email_directory::ActiveModel {
            email: Set(account.email.to_lowercase()),
            account_id: Set(account.id.0),
        };
        let inserted = email_directory::Entity::insert(directory).exec_without_returning(&transaction).await;
        inserted.map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Error::EmailTaken,
            _ => Error::from(error),
        })?;
        let row = account::ActiveModel {
            id: Set(account.id.0),
            email: Set(account.email),
            created_at_ms: Set(now.unix_ms()),
        };
        let outcomes = async {
            account::Entity::insert(row).exec_without_returning(&transaction).await?;
            insert_empty_wallet(&transaction, account.id).await?;
            if let Some(key) = key {
                insert_key(&transaction, key).await?;
            }
            run_in(&transaction, now, opening).await
        };
        let outcomes = outcomes.await.map_err(Error::from)?;
        for outcome in outcomes {
            outcome?;
        }
        transaction.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// The account of that e-mail address, whatever its case.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_by_email(&self, email: &str) -> Result<Option<AccountRecord>, Error> {
        let db = self.db.reader();
        let directory = email_directory::Entity::find_by_id(email.to_lowercase()).one(db).await?;
        match directory {
            Some(row) => self.account(AccountId(row.account_id)).await,
            None => Ok(None),
        }
    }

    /// The account of that id.
    ///
    /// # Errors
    /// The database's.
    pub async fn account(&self, id: AccountId) -> Result<Option<AccountRecord>, Error> {
        let row: Result<_, DbErr> = account::Entity::find_by_id(id.0).one(self.db.reader()).await;
        Ok(row?.map(|row| AccountRecord {
            id: AccountId(row.id),
            email: row.email,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
        }))
    }
}
