//! Taking a person out of the books. What is left of an account afterwards are numbers: its movements of tokens and money.

use crate::{
    Error, Storage,
    entity::{account, generation},
    sessions,
};
use domain::{
    id::{AccountId, GenerationId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement,
};

/// Who it is, and every way in.
const IDENTITY: [&str; 5] = [
    "DELETE FROM email_directory WHERE account_id = $1",
    "DELETE FROM telegram_directory WHERE account_id = $1",
    "DELETE FROM api_key_directory WHERE account_id = $1",
    "UPDATE api_keys SET name = '', revoked_at_ms = COALESCE(revoked_at_ms, $2) WHERE account_id = $1",
    "UPDATE accounts SET erased_at_ms = COALESCE(erased_at_ms, $2), erasure_due_at_ms = $3, email = NULL, name = '',
        avatar_url = NULL, password_hash = NULL, telegram_id = NULL, telegram_username = NULL WHERE id = $1",
];

/// What was asked and answered. The worker removes files that have expired, with their bytes.
const CONTENTS: [&str; 7] = [
    "DELETE FROM generation_contents WHERE account_id = $1",
    "UPDATE generations SET result_metadata = NULL, error_message = NULL, error_details = NULL, webhook_url = NULL
        WHERE account_id = $1 AND status <> 'pending' AND (result_metadata IS NOT NULL
            OR error_message IS NOT NULL OR error_details IS NOT NULL OR webhook_url IS NOT NULL)",
    "UPDATE files SET expires_at_ms = $2
        WHERE account_id = $1 AND (expires_at_ms IS NULL OR expires_at_ms > $2)",
    "DELETE FROM idempotency_keys WHERE account_id = $1",
    "DELETE FROM webhook_deliveries WHERE account_id = $1",
    "DELETE FROM webhook_endpoints WHERE account_id = $1",
    "DELETE FROM events WHERE account_id = $1",
];

/// A payment or subscription that is not at its end, or has a refund that is not, still needs to know who paid.
const HAS_PERSON: &str = "(receipt_email IS NOT NULL OR payer_id IS NOT NULL OR saved_method_id IS NOT NULL)";
const IS_SETTLED: &str = "due_at_ms IS NULL AND NOT EXISTS (SELECT 1 FROM refunds r
    WHERE r.account_id = payments.account_id AND r.payment_id = payments.id AND r.due_at_ms IS NOT NULL)";

impl Storage {
    /// Forgets who an account belongs to and closes every way into it, in one transaction; from here on it counts as erased.
    /// The rest is to be looked at from `due_at` on. `false` when there is no such account.
    ///
    /// # Errors
    /// The database's; nothing has changed then.
    pub async fn begin_erasure(
        &self,
        account_id: AccountId,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, Error> {
        let transaction = self.db.begin().await?;
        let mut found = 0;
        for sql in IDENTITY {
            let mut values = vec![account_id.0.into()];
            values.extend([now, due_at].iter().take(highest(sql) - 1).map(|at| at.unix_ms().into()));
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            found = transaction.execute_raw(statement).await?.rows_affected();
        }
        sessions::delete_all(&transaction, account_id).await?;
        transaction.commit().await?;
        // The last statement is that of the account's own row.
        Ok(found == 1)
    }

    /// Removes what an erased account asked, was answered, and stored.
    ///
    /// # Errors
    /// The database's; nothing has changed then.
    pub async fn erase_contents(&self, account_id: AccountId, now: Timestamp) -> Result<(), Error> {
        // Somebody may have asked for a great deal.
        let transaction = self.db.begin().await?;
        self.db.without_timeout(&transaction).await?;
        for sql in CONTENTS {
            let mut values = vec![account_id.0.into()];
            values.extend((highest(sql) > 1).then(|| now.unix_ms().into()));
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            transaction.execute_raw(statement).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Removes who paid from an erased account's payments and subscriptions, so far as they are settled. Whether all are.
    ///
    /// # Errors
    /// The database's; what was done before stays done.
    pub async fn erase_payers(&self, account_id: AccountId) -> Result<bool, Error> {
        // Another version, so that whoever read a row before does not write it back.
        let erased = "version = version + 1, receipt_email = NULL, payer_id = NULL, saved_method_id = NULL";
        let payments = format!(
            "UPDATE payments SET {erased}, return_url = NULL, confirmation_url = NULL
            WHERE account_id = $1 AND {HAS_PERSON} AND {IS_SETTLED}"
        );
        let subscriptions = format!(
            "UPDATE subscriptions SET {erased} WHERE account_id = $1 AND {HAS_PERSON} AND status = 'ended'"
        );
        for sql in [payments, subscriptions] {
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, [account_id.0.into()]);
            self.db.writer().execute_raw(statement).await?;
        }
        let left = format!(
            "SELECT 1 FROM payments WHERE account_id = $1 AND {HAS_PERSON}
            UNION ALL SELECT 1 FROM subscriptions WHERE account_id = $1 AND {HAS_PERSON}"
        );
        let statement = Statement::from_sql_and_values(self.db.backend(), left, [account_id.0.into()]);
        Ok(self.db.reader().query_one_raw(statement).await?.is_none())
    }

    /// An account's generations that have not ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn pending_generations(&self, account_id: AccountId) -> Result<Vec<GenerationId>, Error> {
        let ids = generation::Entity::find()
            .select_only()
            .column(generation::Column::Id)
            .filter(generation::Column::AccountId.eq(account_id.0))
            .filter(generation::Column::Status.eq("pending"))
            .into_tuple::<i64>()
            .all(self.db.reader());
        Ok(ids.await?.into_iter().map(GenerationId).collect())
    }

    /// Up to `limit` erased accounts of which something may be left, and which are to be looked at by `now`.
    ///
    /// # Errors
    /// The database's.
    pub async fn erasures_due(&self, now: Timestamp, limit: usize) -> Result<Vec<AccountId>, Error> {
        let ids = account::Entity::find()
            .select_only()
            .column(account::Column::Id)
            .filter(account::Column::ErasureDueAtMs.lte(now.unix_ms()))
            .limit(u64::try_from(limit).unwrap_or(u64::MAX))
            .into_tuple::<i64>()
            .all(self.db.reader());
        Ok(ids.await?.into_iter().map(AccountId).collect())
    }

    /// Says when to look at an erased account again; `None` when nothing of its person is left.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_erasure_due(
        &self,
        account_id: AccountId,
        due_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let row = account::ActiveModel {
            erasure_due_at_ms: Set(due_at.map(Timestamp::unix_ms)),
            ..Default::default()
        };
        let update = account::Entity::update_many().set(row).filter(account::Column::Id.eq(account_id.0));
        update.exec(self.db.writer()).await?;
        Ok(())
    }
}

/// The highest parameter that a statement names, of up to three.
fn highest(sql: &str) -> usize {
    (1..=3).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or_default()
}
