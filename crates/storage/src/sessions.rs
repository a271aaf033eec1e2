//! Sign-ins that have not ended. Of their tokens only hashes are here; one that has ended has no row.

use crate::{
    Error, Storage,
    entity::{session, session_directory},
};
use domain::{id::AccountId, time::Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement, Value,
    sea_query::Expr,
};

/// Sign-ins that an account may have at a time; the oldest give way.
const MAX_SESSIONS: i64 = 100;

/// A sign-in. Hashes are SHA-256 in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whose.
    pub account_id: AccountId,
    /// Of the part that all its refresh tokens share.
    pub family_hash: String,
    /// Of the one refresh token that is good now.
    pub token_hash: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The instant from which it is over.
    pub expires_at: Timestamp,
}

/// Who a sign-in speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPrincipal {
    /// The account.
    pub account_id: AccountId,
    /// The plan of the latest cycle and the instant from which it no longer counts, where there is one.
    pub plan: Option<(String, Timestamp)>,
    /// Whether nothing can be done with the account.
    pub is_suspended: bool,
    /// The instant from which the sign-in is over.
    pub expires_at: Timestamp,
}

impl Storage {
    /// Begins a sign-in. Should the account have too many, the oldest end.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_session(&self, new: SessionRecord) -> Result<(), Error> {
        let account_id = new.account_id;
        let transaction = self.db.begin().await?;
        let entry = session_directory::ActiveModel {
            family_hash: Set(new.family_hash.clone()),
            account_id: Set(account_id.0),
        };
        let row = session::ActiveModel {
            account_id: Set(account_id.0),
            family_hash: Set(new.family_hash),
            token_hash: Set(new.token_hash),
            created_at_ms: Set(new.created_at.unix_ms()),
            expires_at_ms: Set(new.expires_at.unix_ms()),
        };
        session_directory::Entity::insert(entry).exec_without_returning(&transaction).await?;
        session::Entity::insert(row).exec_without_returning(&transaction).await?;
        let beyond = "account_id = $1 AND family_hash NOT IN (SELECT family_hash FROM sessions
            WHERE account_id = $1 ORDER BY created_at_ms DESC, family_hash LIMIT $2)";
        delete(&transaction, beyond, vec![account_id.0.into(), MAX_SESSIONS.into()]).await?;
        self.db.commit(transaction, "create_session").await?;
        Ok(())
    }

    /// The sign-in of that family.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self, family_hash: &str) -> Result<Option<SessionRecord>, Error> {
        let db = self.db.reader();
        let Some(entry) = session_directory::Entity::find_by_id(family_hash).one(db).await? else {
            return Ok(None);
        };
        let row = session::Entity::find_by_id((entry.account_id, entry.family_hash)).one(db).await?;
        Ok(row.map(|row| SessionRecord {
            account_id: AccountId(row.account_id),
            family_hash: row.family_hash,
            token_hash: row.token_hash,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
            expires_at: Timestamp::from_unix_ms(row.expires_at_ms),
        }))
    }

    /// Puts another refresh token in the place of the one that was read. `false` when somebody else has, or the sign-in has
    /// ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn rotate_session(&self, read: &SessionRecord, token_hash: &str) -> Result<bool, Error> {
        let update = session::Entity::update_many()
            .col_expr(session::Column::TokenHash, Expr::value(token_hash))
            .filter(session::Column::AccountId.eq(read.account_id.0))
            .filter(session::Column::FamilyHash.eq(read.family_hash.as_str()))
            .filter(session::Column::TokenHash.eq(read.token_hash.as_str()));
        Ok(update.exec(self.db.writer()).await?.rows_affected == 1)
    }

    /// Ends a sign-in; all of an account's where none is named.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_sessions(&self, account_id: AccountId, family_hash: Option<&str>) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        match family_hash {
            Some(hash) => {
                let its = "account_id = $1 AND family_hash = $2";
                delete(&transaction, its, vec![account_id.0.into(), hash.into()]).await?;
            }
            None => delete_all(&transaction, account_id).await?,
        }
        self.db.commit(transaction, "end_sessions").await?;
        Ok(())
    }

    /// Forgets up to `limit` sign-ins that are over at `now`.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_sessions(&self, now: Timestamp, limit: u32) -> Result<(), Error> {
        let over = "(account_id, family_hash) IN (SELECT account_id, family_hash FROM sessions
            WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2)";
        let transaction = self.db.begin_background().await?;
        delete(&transaction, over, vec![now.unix_ms().into(), i64::from(limit).into()]).await?;
        self.db.commit(transaction, "forget_sessions").await?;
        Ok(())
    }

    /// Who a sign-in speaks for; `None` when it has ended or the account was erased.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_principal(&self, family_hash: &str) -> Result<Option<SessionPrincipal>, Error> {
        let sql = "SELECT s.account_id, s.expires_at_ms, a.suspended_at_ms, w.cycle_plan,
                COALESCE(w.cycle_plan_until_ms, w.cycle_ends_at_ms) AS plan_until_ms
            FROM session_directory d
                JOIN sessions s ON s.account_id = d.account_id AND s.family_hash = d.family_hash
                JOIN accounts a ON a.id = d.account_id
                JOIN wallets w ON w.account_id = d.account_id
            WHERE d.family_hash = $1 AND a.erased_at_ms IS NULL";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [family_hash.into()]);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        let plan: Option<String> = row.try_get("", "cycle_plan")?;
        let until_ms: Option<i64> = row.try_get("", "plan_until_ms")?;
        let suspended_at_ms: Option<i64> = row.try_get("", "suspended_at_ms")?;
        Ok(Some(SessionPrincipal {
            account_id: AccountId(row.try_get("", "account_id")?),
            plan: plan.zip(until_ms.map(Timestamp::from_unix_ms)),
            is_suspended: suspended_at_ms.is_some(),
            expires_at: Timestamp::from_unix_ms(row.try_get("", "expires_at_ms")?),
        }))
    }
}

/// Ends all sign-ins of an account.
pub(crate) async fn delete_all<C: ConnectionTrait>(db: &C, account_id: AccountId) -> Result<(), DbErr> {
    delete(db, "account_id = $1", vec![account_id.0.into()]).await
}

/// Removes the sessions that meet `condition`, and the ways to exactly those: another worker may be removing the same.
async fn delete<C: ConnectionTrait>(db: &C, condition: &str, values: Vec<Value>) -> Result<(), DbErr> {
    let sql = format!("DELETE FROM sessions WHERE {condition} RETURNING family_hash");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    let families = rows.iter().map(|row| row.try_get::<String>("", "family_hash"));
    let families = families.collect::<Result<Vec<_>, _>>()?;
    if !families.is_empty() {
        let ways = session_directory::Entity::delete_many();
        ways.filter(session_directory::Column::FamilyHash.is_in(families)).exec(db).await?;
    }
    Ok(())
}
