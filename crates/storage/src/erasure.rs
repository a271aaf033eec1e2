//! Taking a person out of the books. What is left of an account afterwards are numbers: its movements of tokens and money.

use crate::{
    Error, Storage,
    entity::{account, generation, webhook_endpoint},
    ledger::{close_wallet, lock_listens, write_listens},
    sessions,
};
use domain::{
    id::{AccountId, GenerationId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect,
    Statement, Value,
};

/// Who it is, and every way in. The account's own row comes first, for its lock: a key that is being made is there before, and
/// is revoked here, or is not made. The wallet is closed next: the ledger begins nothing from then on.
const IDENTITY: [&str; 5] = [
    "UPDATE accounts SET erased_at_ms = COALESCE(erased_at_ms, $2), erasure_due_at_ms = $3, email = NULL, name = '',
        avatar_url = NULL, password_hash = NULL, telegram_id = NULL, telegram_username = NULL WHERE id = $1",
    "DELETE FROM email_directory WHERE account_id = $1",
    "DELETE FROM telegram_directory WHERE account_id = $1",
    "DELETE FROM api_key_directory WHERE account_id = $1",
    "UPDATE api_keys SET name = '', revoked_at_ms = COALESCE(revoked_at_ms, $2) WHERE account_id = $1",
];

/// A table of which rows of an account change or go.
struct Contents {
    table: &'static str,
    /// What its rows are told apart by within the account.
    key: &'static str,
    /// Below all of those.
    lowest: Lowest,
    /// How the rows change; `None` when they go.
    change: Option<&'static str>,
    /// Which of the rows; `$4` is the time.
    which: &'static str,
}

enum Lowest {
    Id,
    Name,
}

/// What was asked and answered. The worker removes files that have expired, with their bytes. Events go before deliveries, which
/// are made of them.
const CONTENTS: [Contents; 6] = [
    Contents::deleted("generation_contents", "generation_id", Lowest::Id),
    Contents {
        table: "generations",
        key: "id",
        lowest: Lowest::Id,
        change: Some(
            "result_metadata = NULL, error_message = NULL, error_details = NULL, webhook_url = NULL",
        ),
        which: "status <> 'pending' AND (result_metadata IS NOT NULL
            OR error_message IS NOT NULL OR error_details IS NOT NULL OR webhook_url IS NOT NULL)",
    },
    Contents {
        table: "files",
        key: "name",
        lowest: Lowest::Name,
        change: Some("expires_at_ms = $4"),
        which: "(expires_at_ms IS NULL OR expires_at_ms > $4)",
    },
    Contents::deleted("idempotency_keys", "key", Lowest::Name),
    Contents::deleted("events", "id", Lowest::Id),
    Contents::deleted("webhook_deliveries", "id", Lowest::Id),
];

/// Rows of an account that one statement goes over: others wait for it, on SQLite all that write.
const STEP_LEN: i64 = 1_000;

/// A payment or subscription that is not at its end, or has a refund that is not, still needs to know who paid.
const HAS_PERSON: &str = "(receipt_email IS NOT NULL OR payer_id IS NOT NULL OR saved_method_id IS NOT NULL)";
const IS_SETTLED: &str = "due_at_ms IS NULL AND NOT EXISTS (SELECT 1 FROM refunds r
    WHERE r.account_id = payments.account_id AND r.payment_id = payments.id AND r.due_at_ms IS NOT NULL)";

impl Storage {
    /// Forgets who an account belongs to and closes every way into it, in one transaction; from here on it counts as erased.
    /// The rest is to be looked at from `due_at` on. A repeat closes what was opened meanwhile. `false` when there is no such
    /// account.
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
        for (place, sql) in IDENTITY.into_iter().enumerate() {
            let mut values = vec![account_id.0.into()];
            values.extend([now, due_at].iter().take(highest(sql) - 1).map(|at| at.unix_ms().into()));
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            let written = transaction.execute_raw(statement).await?.rows_affected();
            if place == 0 {
                if written == 0 {
                    return Ok(false);
                }
                close_wallet(&transaction, account_id).await?;
            }
        }
        sessions::delete_all(&transaction, account_id).await?;
        self.db.commit(transaction, "begin_erasure").await?;
        Ok(true)
    }

    /// Removes what an erased account asked, was answered, and stored, step by step: somebody may have asked for a great deal.
    ///
    /// # Errors
    /// The database's; what was done before stays done.
    pub async fn erase_contents(&self, account_id: AccountId, now: Timestamp) -> Result<(), Error> {
        self.erase_endpoints(account_id).await?;
        for contents in CONTENTS {
            let mut after = match contents.lowest {
                Lowest::Id => Value::from(0_i64),
                Lowest::Name => Value::from(""),
            };
            while let Some(last) = self.end_of_step(&contents, account_id, &after).await? {
                let mut values = vec![account_id.0.into(), after, last.clone()];
                values.extend(contents.which.contains("$4").then(|| now.unix_ms().into()));
                let statement = Statement::from_sql_and_values(self.db.backend(), contents.sql(), values);
                self.db.background().execute_raw(statement).await?;
                after = last;
            }
        }
        Ok(())
    }

    /// Nobody listens from here on, and a settle that is under way knows.
    async fn erase_endpoints(&self, account_id: AccountId) -> Result<(), Error> {
        let transaction = self.db.begin_background().await?;
        lock_listens(&transaction, account_id).await?;
        let own = webhook_endpoint::Column::AccountId.eq(account_id.0);
        webhook_endpoint::Entity::delete_many().filter(own).exec(&transaction).await?;
        write_listens(&transaction, account_id).await?;
        self.db.commit(transaction, "erase_endpoints").await?;
        Ok(())
    }

    /// The last of the next rows of an account; `None` when there are no more.
    async fn end_of_step(
        &self,
        Contents { table, key, lowest, .. }: &Contents,
        account_id: AccountId,
        after: &Value,
    ) -> Result<Option<Value>, Error> {
        let sql = format!(
            "SELECT MAX({key}) AS last FROM (SELECT {key} FROM {table}
                WHERE account_id = $1 AND {key} > $2 ORDER BY {key} LIMIT $3) AS step"
        );
        let values = [account_id.0.into(), after.clone(), STEP_LEN.into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        Ok(match lowest {
            Lowest::Id => row.try_get::<Option<i64>>("", "last")?.map(Value::from),
            Lowest::Name => row.try_get::<Option<String>>("", "last")?.map(Value::from),
        })
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

    /// Claims the erased account that has waited longest to be looked at, if one is due at `now`: nobody else gets it before
    /// `leased_until`.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_erasure(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<AccountId>, Error> {
        let lock = if self.db.backend() == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE accounts SET erasure_due_at_ms = $2
            WHERE id = (
                    SELECT id FROM accounts WHERE erasure_due_at_ms <= $1
                    ORDER BY erasure_due_at_ms LIMIT 1 {lock}
                ) AND erasure_due_at_ms <= $1
            RETURNING id"
        );
        let values = [now.unix_ms().into(), leased_until.unix_ms().into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.background().query_one_raw(statement).await?;
        row.map(|row| Ok(AccountId(row.try_get("", "id")?))).transpose()
    }

    /// Ends a claim, and says when to look at the account again; `None` when nothing of its person is left. Nothing changes
    /// when somebody else has claimed it, or begun to erase it anew.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_erasure_claim(
        &self,
        account_id: AccountId,
        leased_until: Timestamp,
        due_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let row = account::ActiveModel {
            erasure_due_at_ms: Set(due_at.map(Timestamp::unix_ms)),
            ..Default::default()
        };
        let update = account::Entity::update_many()
            .set(row)
            .filter(account::Column::Id.eq(account_id.0))
            .filter(account::Column::ErasureDueAtMs.eq(leased_until.unix_ms()));
        update.exec(self.db.background()).await?;
        Ok(())
    }
}

impl Contents {
    const fn deleted(table: &'static str, key: &'static str, lowest: Lowest) -> Self {
        Self { table, key, lowest, change: None, which: "TRUE" }
    }

    /// Changes the rows with keys above `$2`, up to `$3`.
    fn sql(&self) -> String {
        let Self { table, key, which, .. } = self;
        let what = match self.change {
            Some(change) => format!("UPDATE {table} SET {change}"),
            None => format!("DELETE FROM {table}"),
        };
        format!("{what} WHERE account_id = $1 AND {key} > $2 AND {key} <= $3 AND {which}")
    }
}

/// The highest parameter that a statement names, of up to three.
fn highest(sql: &str) -> usize {
    (1..=3).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or_default()
}
