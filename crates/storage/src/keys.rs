//! API keys. Only their hashes are here.

use crate::{
    Error, Storage,
    entity::{account, api_key, api_key_directory},
};
use domain::{
    id::{AccountId, KeyId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Statement, Value,
};

/// Keys whose last use one statement notes: SQLite takes no more than 32,766 values.
const NOTED_AT_ONCE: usize = 1_000;

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose.
    pub account_id: AccountId,
    /// Its id, fresh.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters, to tell it by.
    pub prefix: String,
    /// The SHA-256 of the whole key in hexadecimal.
    pub key_hash: String,
    /// NeuralBox tokens that it may use in a calendar month (UTC); above 0.
    pub monthly_budget_tokens: Option<i64>,
    /// The instant from which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// When it is made.
    pub created_at: Timestamp,
}

/// What became of a key that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOutcome {
    /// It is stored.
    Stored,
    /// The account has as many as it may have.
    TooMany,
    /// There is no such account, or it was erased.
    NoAccount,
}

/// A key, without what would let somebody use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// NeuralBox tokens that it may use in a calendar month (UTC), where that is limited.
    pub monthly_budget_tokens: Option<i64>,
    /// The instant from which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as that has been noted.
    pub last_used_at: Option<Timestamp>,
}

/// Who a valid key speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account_id: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The plan of the latest cycle and the instant from which it no longer counts, where there is one.
    pub plan: Option<(String, Timestamp)>,
    /// NeuralBox tokens that the key may use in a calendar month (UTC), where that is limited.
    pub key_budget_tokens: Option<i64>,
    /// The instant from which the key is no longer valid.
    pub key_expires_at: Option<Timestamp>,
    /// Whether nothing can be done with the account.
    pub is_suspended: bool,
}

/// Stores a key and the way to it from its hash.
pub(crate) async fn insert_key<C: ConnectionTrait>(db: &C, key: NewKey) -> Result<(), DbErr> {
    let directory = api_key_directory::ActiveModel {
        key_hash: Set(key.key_hash),
        account_id: Set(key.account_id.0),
        key_id: Set(key.id.0),
    };
    api_key_directory::Entity::insert(directory).exec_without_returning(db).await?;
    let row = api_key::ActiveModel {
        account_id: Set(key.account_id.0),
        id: Set(key.id.0),
        name: Set(key.name),
        prefix: Set(key.prefix),
        created_at_ms: Set(key.created_at.unix_ms()),
        revoked_at_ms: Set(None),
        monthly_budget_tokens: Set(key.monthly_budget_tokens),
        expires_at_ms: Set(key.expires_at.map(Timestamp::unix_ms)),
        last_used_at_ms: Set(None),
    };
    api_key::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

impl Storage {
    /// Stores a key, unless the account has as many as `max_valid` that are neither revoked nor past their end.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_key(&self, key: NewKey, max_valid: u64) -> Result<KeyOutcome, Error> {
        let transaction = self.db.begin().await?;
        // The account's row is the lock: of two keys that are made at once, the second counts the first; and an erasure
        // revokes what was made before it, or is seen here.
        let account =
            account::Entity::find_by_id(key.account_id.0).lock_exclusive().one(&transaction).await?;
        if account.is_none_or(|account| account.erased_at_ms.is_some()) {
            return Ok(KeyOutcome::NoAccount);
        }
        let is_lasting = Condition::any()
            .add(api_key::Column::ExpiresAtMs.is_null())
            .add(api_key::Column::ExpiresAtMs.gt(self.clock.now().unix_ms()));
        let valid = api_key::Entity::find()
            .filter(api_key::Column::AccountId.eq(key.account_id.0))
            .filter(api_key::Column::RevokedAtMs.is_null())
            .filter(is_lasting);
        if valid.count(&transaction).await? >= max_valid {
            return Ok(KeyOutcome::TooMany);
        }
        insert_key(&transaction, key).await?;
        self.db.commit(transaction, "create_key").await?;
        Ok(KeyOutcome::Stored)
    }

    /// An account's keys, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys(&self, account_id: AccountId) -> Result<Vec<KeyRecord>, Error> {
        let query = api_key::Entity::find()
            .filter(api_key::Column::AccountId.eq(account_id.0))
            .order_by_asc(api_key::Column::Id);
        let rows = query.all(self.db.reader()).await?;
        let records = rows.into_iter().map(|row| KeyRecord {
            id: KeyId(row.id),
            name: row.name,
            prefix: row.prefix,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
            revoked_at: row.revoked_at_ms.map(Timestamp::from_unix_ms),
            monthly_budget_tokens: row.monthly_budget_tokens,
            expires_at: row.expires_at_ms.map(Timestamp::from_unix_ms),
            last_used_at: row.last_used_at_ms.map(Timestamp::from_unix_ms),
        });
        Ok(records.collect())
    }

    /// Accounts that have, or had, a key whose first characters are `prefix`, up to `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn accounts_by_key_prefix(&self, prefix: &str, limit: u64) -> Result<Vec<AccountId>, Error> {
        let accounts = api_key::Entity::find()
            .select_only()
            .column(api_key::Column::AccountId)
            .distinct()
            .filter(api_key::Column::Prefix.eq(prefix))
            .order_by_asc(api_key::Column::AccountId)
            .limit(limit)
            .into_tuple::<i64>()
            .all(self.db.reader())
            .await?;
        Ok(accounts.into_iter().map(AccountId).collect())
    }

    /// Revokes a key for good. `false` when the account has no such key, or it was revoked before.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_key(&self, account_id: AccountId, key_id: KeyId) -> Result<bool, Error> {
        let revoked = api_key::ActiveModel {
            revoked_at_ms: Set(Some(self.clock.now().unix_ms())),
            ..Default::default()
        };
        let written = api_key::Entity::update_many()
            .set(revoked)
            .filter(api_key::Column::AccountId.eq(account_id.0))
            .filter(api_key::Column::Id.eq(key_id.0))
            .filter(api_key::Column::RevokedAtMs.is_null())
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// Notes when keys were used last; what is known to be later stays.
    ///
    /// # Errors
    /// The database's; what was noted before stays noted.
    pub async fn note_key_uses(&self, uses: &[(AccountId, KeyId, Timestamp)]) -> Result<(), Error> {
        for uses in uses.chunks(NOTED_AT_ONCE) {
            let places = (0..uses.len()).map(|n| format!("(${}, ${}, ${})", 3 * n + 1, 3 * n + 2, 3 * n + 3));
            let places: Vec<String> = places.collect();
            let sql = format!(
                "WITH uses (account_id, key_id, used_at_ms) AS (VALUES {})
                UPDATE api_keys SET last_used_at_ms = uses.used_at_ms FROM uses
                WHERE api_keys.account_id = uses.account_id AND api_keys.id = uses.key_id
                    AND (last_used_at_ms IS NULL OR last_used_at_ms < uses.used_at_ms)",
                places.join(", ")
            );
            let values = uses.iter().flat_map(|(account, key, at)| [account.0, key.0, at.unix_ms()]);
            let values = values.map(Value::from);
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            self.db.background().execute_raw(statement).await?;
        }
        Ok(())
    }

    /// Who the key of that hash speaks for; `None` when it is unknown or revoked, or the account was
    /// erased.
    ///
    /// # Errors
    /// The database's.
    pub async fn principal(&self, key_hash: &str) -> Result<Option<Principal>, Error> {
        let sql = "SELECT k.account_id, k.id, k.monthly_budget_tokens, k.expires_at_ms, a.suspended_at_ms, w.cycle_plan,
                COALESCE(w.cycle_plan_until_ms, w.cycle_ends_at_ms) AS plan_until_ms
            FROM api_key_directory d
                JOIN api_keys k ON k.account_id = d.account_id AND k.id = d.key_id
                JOIN accounts a ON a.id = d.account_id
                JOIN wallets w ON w.account_id = d.account_id
            WHERE d.key_hash = $1 AND k.revoked_at_ms IS NULL AND a.erased_at_ms IS NULL";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [key_hash.into()]);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        let plan: Option<String> = row.try_get("", "cycle_plan")?;
        let until_ms: Option<i64> = row.try_get("", "plan_until_ms")?;
        let expires_at_ms: Option<i64> = row.try_get("", "expires_at_ms")?;
        let suspended_at_ms: Option<i64> = row.try_get("", "suspended_at_ms")?;
        Ok(Some(Principal {
            account_id: AccountId(row.try_get("", "account_id")?),
            key_id: KeyId(row.try_get("", "id")?),
            plan: plan.zip(until_ms.map(Timestamp::from_unix_ms)),
            key_budget_tokens: row.try_get("", "monthly_budget_tokens")?,
            key_expires_at: expires_at_ms.map(Timestamp::from_unix_ms),
            is_suspended: suspended_at_ms.is_some(),
        }))
    }
}
