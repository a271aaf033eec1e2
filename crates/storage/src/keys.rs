//! API keys. Only their hashes are here.

use crate::{
    Error, Storage,
    entity::{api_key, api_key_directory},
};
use domain::{
    id::{AccountId, KeyId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Statement,
};

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
}

/// Who a valid key speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account_id: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The plan of the latest cycle and the instant it ends, where there is one.
    pub cycle: Option<(String, Timestamp)>,
}

/// Stores a key and the way to it from its hash.
pub(crate) async fn insert_key<C: ConnectionTrait>(db: &C, key: NewKey, now: Timestamp) -> Result<(), DbErr> {
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
        created_at_ms: Set(now.unix_ms()),
        revoked_at_ms: Set(None),
    };
    api_key::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

impl Storage {
    /// Stores a key.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_key(&self, key: NewKey) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        insert_key(&transaction, key, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(())
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
        });
        Ok(records.collect())
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

    /// Who the key of that hash speaks for; `None` when it is unknown or revoked.
    ///
    /// # Errors
    /// The database's.
    pub async fn principal(&self, key_hash: &str) -> Result<Option<Principal>, Error> {
        let sql = "SELECT k.account_id, k.id, w.cycle_plan, w.cycle_ends_at_ms
            FROM api_key_directory d
                JOIN api_keys k ON k.account_id = d.account_id AND k.id = d.key_id
                JOIN wallets w ON w.account_id = d.account_id
            WHERE d.key_hash = $1 AND k.revoked_at_ms IS NULL";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [key_hash.into()]);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        let plan: Option<String> = row.try_get("", "cycle_plan")?;
        let ends_at_ms: Option<i64> = row.try_get("", "cycle_ends_at_ms")?;
        Ok(Some(Principal {
            account_id: AccountId(row.try_get("", "account_id")?),
            key_id: KeyId(row.try_get("", "id")?),
            cycle: plan.zip(ends_at_ms.map(Timestamp::from_unix_ms)),
        }))
    }
}
