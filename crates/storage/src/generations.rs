//! Reading generations. They are written by the ledger alone, for a generation's row is its hold.

use crate::{
    Error, Storage,
    entity::{generation, generation_content},
};
use domain::{
    id::{AccountId, CycleId, GenerationId, KeyId, NodeId},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect, Statement, Value};

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationStatus {
    /// Its tokens are held.
    Pending,
    /// It succeeded and was charged.
    Completed,
    /// It failed and cost nothing.
    Failed,
}

impl GenerationStatus {
    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A generation as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRecord {
    /// Its id.
    pub id: GenerationId,
    /// The key that started it.
    pub key_id: KeyId,
    /// The model.
    pub model_slug: String,
    /// Where it stands.
    pub status: GenerationStatus,
    /// Its price in NeuralBox tokens; charged only when completed.
    pub price_tokens: i64,
    /// When its hold was taken.
    pub created_at: Timestamp,
    /// When it ended, if it has.
    pub completed_at: Option<Timestamp>,
    /// Why it failed, as the API's error code.
    pub error_code: Option<String>,
    /// Why it failed, for the client.
    pub error_message: Option<String>,
    /// A JSON object about the failure, where there is more to say.
    pub error_details: Option<String>,
    /// Its answer, where it is text.
    pub result_text: Option<String>,
    /// The name of its answer, where it is a file.
    pub result_file: Option<String>,
    /// The name of a small picture of it.
    pub thumbnail_file: Option<String>,
    /// A JSON object about the answer.
    pub result_metadata: Option<String>,
    /// What the vendor charges for it by the catalog's prices, in micro-dollars, where they are known. Of one that has not
    /// completed, what it may charge, where that is counted and not known to be nothing.
    pub vendor_cost_micro_usd: Option<i64>,
    /// NeuralBox tokens that the account could spend when the hold had been taken; not kept by older versions.
    pub held_balance_tokens: Option<i64>,
    /// NeuralBox tokens that the account could spend when it had ended; not kept by older versions.
    pub balance_tokens: Option<i64>,
}

impl Storage {
    /// An account's generation of that id.
    ///
    /// # Errors
    /// The database's.
    pub async fn generation(
        &self,
        account_id: AccountId,
        id: GenerationId,
    ) -> Result<Option<GenerationRecord>, Error> {
        let key = (account_id.0, id.0);
        let Some(row) = generation::Entity::find_by_id(key).one(self.db.reader()).await? else {
            return Ok(None);
        };
        let status = [GenerationStatus::Pending, GenerationStatus::Completed, GenerationStatus::Failed];
        let status = status.into_iter().find(|status| status.name() == row.status);
        let status = status.ok_or_else(|| Error::BadRow(format!("generations, id {id}")))?;
        let content = match status {
            GenerationStatus::Completed => {
                generation_content::Entity::find_by_id(key).one(self.db.reader()).await?
            }
            GenerationStatus::Pending | GenerationStatus::Failed => None,
        };
        Ok(Some(GenerationRecord {
            id,
            key_id: KeyId(row.key_id),
            model_slug: row.model_slug,
            status,
            price_tokens: row.price_tokens,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
            completed_at: row.completed_at_ms.map(Timestamp::from_unix_ms),
            error_code: row.error_code,
            error_message: row.error_message,
            error_details: row.error_details,
            result_text: content.as_ref().and_then(|content| content.result_text.clone()),
            result_file: content.as_ref().and_then(|content| content.result_file.clone()),
            thumbnail_file: content.and_then(|content| content.thumbnail_file),
            result_metadata: row.result_metadata,
            vendor_cost_micro_usd: row.vendor_cost_micro_usd,
            held_balance_tokens: row.held_balance_tokens,
            balance_tokens: row.balance_tokens,
        }))
    }

    /// Whether an account's generation has not ended yet: less work than reading it.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_pending(&self, account_id: AccountId, id: GenerationId) -> Result<bool, Error> {
        let status = generation::Entity::find_by_id((account_id.0, id.0))
            .select_only()
            .column(generation::Column::Status)
            .into_tuple::<String>()
            .one(self.db.reader());
        Ok(status.await?.is_some_and(|status| status == GenerationStatus::Pending.name()))
    }

    /// Up to `limit` holds that nobody can be working on: their process has ended or is dead, or their deadline passed
    /// before `deadline_before`. What runs as a job is none of them, however late it is: whoever asks after it ends it.
    ///
    /// # Errors
    /// The database's.
    pub async fn lost_holds(
        &self,
        deadline_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AccountId, GenerationId)>, Error> {
        // A process whose row is gone counts as ended. What runs as a job needs no process, and its vendor is asked before
        // its hold goes back.
        let sql = "SELECT g.account_id, g.id FROM generations g
                LEFT JOIN nodes n ON n.id = g.node_id
                LEFT JOIN jobs j ON j.account_id = g.account_id AND j.generation_id = g.id
            WHERE g.status = 'pending' AND j.generation_id IS NULL
                AND (g.deadline_at_ms < $1 OR n.status IS NULL OR n.status <> 'alive')
            LIMIT $2";
        let values = [deadline_before.unix_ms().into(), i64::from(limit).into()];
        self.holds(sql, values).await
    }

    /// Holds that `node_id` took before `created_before`, that are still open and run as no job, a thousand at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_holds_of(
        &self,
        node_id: NodeId,
        created_before: Timestamp,
    ) -> Result<Vec<(AccountId, GenerationId)>, Error> {
        let sql = "SELECT g.account_id, g.id FROM generations g
                LEFT JOIN jobs j ON j.account_id = g.account_id AND j.generation_id = g.id
            WHERE g.status = 'pending' AND g.node_id = $1 AND g.created_at_ms < $2 AND j.generation_id IS NULL
            LIMIT 1000";
        let values = [node_id.0.into(), created_before.unix_ms().into()];
        self.holds(sql, values).await
    }

    /// The holds that `sql` names, in no order: for the sake of one, SQLite would leave the index of what is pending and walk
    /// through every generation there is.
    async fn holds(&self, sql: &str, values: [Value; 2]) -> Result<Vec<(AccountId, GenerationId)>, Error> {
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter()
            .map(|row| Ok((AccountId(row.try_get("", "account_id")?), GenerationId(row.try_get("", "id")?))))
            .collect()
    }

    /// Up to `limit` wallets that a cycle's end is to be swept from at `now`: its tokens, or its plan.
    ///
    /// # Errors
    /// The database's.
    pub async fn ended_cycles(&self, now: Timestamp, limit: u32) -> Result<Vec<(AccountId, CycleId)>, Error> {
        let sql = "SELECT account_id, cycle_id FROM wallets
            WHERE cycle_id IS NOT NULL AND cycle_ends_at_ms <= $1
                AND (plan_available > 0 OR COALESCE(cycle_plan_until_ms, 0) <= $1)
            ORDER BY cycle_ends_at_ms LIMIT $2";
        let values = [now.unix_ms().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter()
            .map(|row| Ok((AccountId(row.try_get("", "account_id")?), CycleId(row.try_get("", "cycle_id")?))))
            .collect()
    }
}
