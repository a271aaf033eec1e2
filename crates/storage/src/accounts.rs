//! Accounts: who they are, and how they are found.

use crate::{
    Error, NewKey, Storage,
    entity::{account, email_directory, telegram_directory},
    keys::insert_key,
    ledger::{Completion, LedgerError, insert_empty_wallet, run_in},
};
use domain::{id::AccountId, ledger::Command, time::Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, SqlErr, Statement,
};

/// An account to be opened.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id, fresh.
    pub id: AccountId,
    /// What the person is called; may be empty.
    pub name: String,
    /// Where a picture of the person is.
    pub avatar_url: Option<String>,
    /// What it is found by.
    pub identity: Identity,
    /// What a person gets once, however many accounts they open.
    pub starter: Option<Starter>,
}

/// Tokens that a person gets once.
#[derive(Clone, Debug)]
pub struct Starter {
    /// What the person is remembered by. Nobody can tell from it who that is.
    pub identity_hash: String,
    /// What gives them.
    pub grant: Command<Completion>,
}

/// What tells a person from all others.
#[derive(Clone)]
pub enum Identity {
    /// An e-mail address.
    Email {
        /// As the person writes it; compared without regard to case.
        email: String,
        /// What the person's password is checked against, where they have one.
        password_hash: Option<String>,
    },
    /// An account at Telegram.
    Telegram {
        /// Its number there.
        id: i64,
        /// Its name there, where it has one.
        username: Option<String>,
    },
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Email { email, .. } => {
                f.debug_struct("Email").field("email", email).finish_non_exhaustive()
            }
            Self::Telegram { id, .. } => f.debug_struct("Telegram").field("id", id).finish_non_exhaustive(),
        }
    }
}

impl NewAccount {
    /// An account of which nothing is known but an e-mail address.
    pub fn of_email(id: AccountId, email: String) -> Self {
        let identity = Identity::Email { email, password_hash: None };
        Self { id, name: String::new(), avatar_url: None, identity, starter: None }
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its id.
    pub id: AccountId,
    /// Its e-mail address, where it has one.
    pub email: Option<String>,
    /// What the person is called; may be empty.
    pub name: String,
    /// Where a picture of the person is.
    pub avatar_url: Option<String>,
    /// Whether there is a password to sign in by.
    pub has_password: bool,
    /// The person's number at Telegram.
    pub telegram_id: Option<i64>,
    /// The person's name at Telegram.
    pub telegram_username: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Since when nothing can be done with it, if that is so.
    pub suspended_at: Option<Timestamp>,
    /// When its person was erased, if that is so.
    pub erased_at: Option<Timestamp>,
}

/// What its owner may change of an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// What the person is called.
    pub name: Option<String>,
    /// Where a picture of the person is, or that there is none.
    pub avatar_url: Option<Option<String>>,
}

impl Storage {
    /// Opens an account with its wallet and its first key, and carries out the `opening` commands (its first cycle or grants)
    /// in the same transaction: there is no account without what it was promised. Its starter is carried out too, unless the
    /// same person has had one.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::TelegramTaken`], a [`domain::ledger::Refusal`] of an opening command, or the
    /// database's; nothing has changed then.
    pub async fn create_account(
        &self,
        mut account: NewAccount,
        key: Option<NewKey>,
        mut opening: Vec<Command<Completion>>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let transaction = self.db.begin().await.map_err(Error::from)?;
        let id = account.id;
        enter_identity(&transaction, id, &account.identity).await?;
        if let Some(starter) = account.starter.take()
            && enter_starter(&transaction, &starter.identity_hash).await?
        {
            opening.push(starter.grant);
        }
        let outcomes = async {
            account::Entity::insert(row(account, now)).exec_without_returning(&transaction).await?;
            insert_empty_wallet(&transaction, id).await?;
            if let Some(key) = key {
                insert_key(&transaction, key).await?;
            }
            run_in(&transaction, now, opening).await
        };
        let outcomes = outcomes.await.map_err(Error::from)?;
        for outcome in outcomes {
            outcome?;
        }
        self.db.commit(transaction, "create_account").await.map_err(Error::from)?;
        Ok(())
    }

    /// The account of that e-mail address, whatever its case.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_by_email(&self, email: &str) -> Result<Option<AccountRecord>, Error> {
        let directory =
            email_directory::Entity::find_by_id(email.to_lowercase()).one(self.db.reader()).await?;
        match directory {
            Some(row) => self.account(AccountId(row.account_id)).await,
            None => Ok(None),
        }
    }

    /// The account of somebody at Telegram.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_by_telegram(&self, telegram_id: i64) -> Result<Option<AccountRecord>, Error> {
        let directory = telegram_directory::Entity::find_by_id(telegram_id).one(self.db.reader()).await?;
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
        Ok(row?.map(record))
    }

    /// The account of that e-mail address, whatever its case, and what its password is checked against, where it has one. One
    /// statement, so that it takes no longer to find somebody than to find nobody.
    ///
    /// # Errors
    /// The database's.
    pub async fn credentials(&self, email: &str) -> Result<Option<(AccountId, Option<String>)>, Error> {
        let sql = "SELECT a.id, a.password_hash FROM email_directory d JOIN accounts a ON a.id = d.account_id
            WHERE d.email = $1";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [email.to_lowercase().into()]);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        Ok(Some((AccountId(row.try_get("", "id")?), row.try_get("", "password_hash")?)))
    }

    /// Changes what its owner may change. Nothing of an account that was erased.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_profile(&self, id: AccountId, change: ProfileChange) -> Result<(), Error> {
        if change.name.is_none() && change.avatar_url.is_none() {
            return Ok(());
        }
        let mut row = account::ActiveModel::default();
        if let Some(name) = change.name {
            row.name = Set(name);
        }
        if let Some(avatar_url) = change.avatar_url {
            row.avatar_url = Set(avatar_url);
        }
        self.update_account(id, row).await.map(drop)
    }

    /// Notes what the person is called at Telegram by now.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_telegram_username(&self, id: AccountId, username: Option<String>) -> Result<(), Error> {
        let row = account::ActiveModel { telegram_username: Set(username), ..Default::default() };
        self.update_account(id, row).await.map(drop)
    }

    /// Suspends an account from `since` on, or takes that back. `false` when there is none, or it was erased.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_suspended(&self, id: AccountId, since: Option<Timestamp>) -> Result<bool, Error> {
        let suspended_at_ms = Set(since.map(Timestamp::unix_ms));
        let row = account::ActiveModel { suspended_at_ms, ..Default::default() };
        self.update_account(id, row).await
    }

    /// Sets what the password is checked against. `false` when there is no such account, or it was erased.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_password(&self, id: AccountId, password_hash: String) -> Result<bool, Error> {
        let row = account::ActiveModel { password_hash: Set(Some(password_hash)), ..Default::default() };
        self.update_account(id, row).await
    }

    async fn update_account(&self, id: AccountId, row: account::ActiveModel) -> Result<bool, Error> {
        let update = account::Entity::update_many()
            .set(row)
            .filter(account::Column::Id.eq(id.0))
            .filter(account::Column::ErasedAtMs.is_null());
        Ok(update.exec(self.db.writer()).await?.rows_affected == 1)
    }
}

/// Enters what the account is found by, which nobody else may have.
async fn enter_identity<C: ConnectionTrait>(db: &C, id: AccountId, identity: &Identity) -> Result<(), Error> {
    let (inserted, taken) = match identity {
        Identity::Email { email, .. } => {
            let entry =
                email_directory::ActiveModel { email: Set(email.to_lowercase()), account_id: Set(id.0) };
            (email_directory::Entity::insert(entry).exec_without_returning(db).await, Error::EmailTaken)
        }
        Identity::Telegram { id: telegram_id, .. } => {
            let entry =
                telegram_directory::ActiveModel { telegram_id: Set(*telegram_id), account_id: Set(id.0) };
            (telegram_directory::Entity::insert(entry).exec_without_returning(db).await, Error::TelegramTaken)
        }
    };
    inserted.map(drop).map_err(|error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => taken,
        _ => Error::from(error),
    })
}

/// Remembers who gets a starter. `false` when they have had one.
async fn enter_starter<C: ConnectionTrait>(db: &C, identity_hash: &str) -> Result<bool, Error> {
    let sql = "INSERT INTO starter_grants (identity_hash) VALUES ($1) ON CONFLICT DO NOTHING";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [identity_hash.into()]);
    Ok(db.execute_raw(statement).await?.rows_affected() == 1)
}

fn row(new: NewAccount, now: Timestamp) -> account::ActiveModel {
    let (email, password_hash, telegram_id, telegram_username) = match new.identity {
        Identity::Email { email, password_hash } => (Some(email), password_hash, None, None),
        Identity::Telegram { id, username } => (None, None, Some(id), username),
    };
    account::ActiveModel {
        id: Set(new.id.0),
        email: Set(email),
        created_at_ms: Set(now.unix_ms()),
        name: Set(new.name),
        avatar_url: Set(new.avatar_url),
        password_hash: Set(password_hash),
        telegram_id: Set(telegram_id),
        telegram_username: Set(telegram_username),
        suspended_at_ms: Set(None),
        erased_at_ms: Set(None),
        erasure_due_at_ms: Set(None),
    }
}

fn record(row: account::Model) -> AccountRecord {
    AccountRecord {
        id: AccountId(row.id),
        email: row.email,
        name: row.name,
        avatar_url: row.avatar_url,
        has_password: row.password_hash.is_some(),
        telegram_id: row.telegram_id,
        telegram_username: row.telegram_username,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        suspended_at: row.suspended_at_ms.map(Timestamp::from_unix_ms),
        erased_at: row.erased_at_ms.map(Timestamp::from_unix_ms),
    }
}
