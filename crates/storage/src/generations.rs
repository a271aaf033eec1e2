//! Reading generations. They are written by the ledger alone, for a generation's row is its hold.

use crate::{
    Error, Storage,
    entity::{generation, generation_content},
};
use domain::{
    id::{AccountId, CycleId, GenerationId, KeyId, NodeId},
    ledger::Split,
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Completed, Self::Failed];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Reads the status of generation `id`.
    fn parse(name: &str, id: GenerationId) -> Result<Self, Error> {
        let status = Self::ALL.into_iter().find(|status| status.name() == name);
        status.ok_or_else(|| Error::BadRow(format!("generations, id {id}")))
    }
}

/// A generation as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRecord {
    /// Its id.
    pub id: GenerationId,
    /// The key that started it, if it was one.
    pub key_id: Option<KeyId>,
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
    /// Whether it completed, and its answer is kept no longer.
    pub is_pruned: bool,
    /// A JSON object about the answer.
    pub result_metadata: Option<String>,
    /// What the vendor charges for it by the catalog's prices, in micro-dollars, where they are known. Of one that has not
    /// completed, what it may charge, where that is counted and not known to be nothing.
    pub vendor_cost_micro_usd: Option<i64>,
    /// NeuralBox tokens that the account could spend when the hold had been taken; not kept by older versions.
    pub held_balance_tokens: Option<i64>,
    /// NeuralBox tokens that the account could spend when it had ended; not kept by older versions.
    pub balance_tokens: Option<i64>,
    /// Whose it is.
    pub account_id: AccountId,
    /// From which buckets its price came.
    pub split: Split,
    /// The cycle of its plan tokens.
    pub cycle_id: Option<CycleId>,
    /// NeuralBox tokens that an operator has given back after it had completed.
    pub refunded_tokens: Option<i64>,
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
        let content = if row.status == GenerationStatus::Completed.name() {
            generation_content::Entity::find_by_id(key).one(self.db.reader()).await?
        } else {
            None
        };
        record_of(row, content, self.clock.now()).map(Some)
    }

    /// Whose generation that is. Nothing finds one by its id alone, so it is looked for at one account after the other.
    ///
    /// # Errors
    /// The database's.
    pub async fn owner_of_generation(&self, id: GenerationId) -> Result<Option<AccountId>, Error> {
        let sql = "SELECT account_id FROM wallets w
            WHERE EXISTS (SELECT 1 FROM generations g WHERE g.account_id = w.account_id AND g.id = $1) LIMIT 1";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [id.0.into()]);
        let row = self.db.reader().query_one_raw(statement).await?;
        row.map(|row| Ok(AccountId(row.try_get("", "account_id")?))).transpose()
    }

    /// Where an account's generation stands: less work than reading it.
    ///
    /// # Errors
    /// The database's.
    pub async fn generation_status(
        &self,
        account_id: AccountId,
        id: GenerationId,
    ) -> Result<Option<GenerationStatus>, Error> {
        let status = generation::Entity::find_by_id((account_id.0, id.0))
            .select_only()
            .column(generation::Column::Status)
            .into_tuple::<String>()
            .one(self.db.reader());
        status.await?.map(|status| GenerationStatus::parse(&status, id)).transpose()
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

/// A generation by its row and its contents, which are there no longer at `now` once their time has come, whether they have
/// been removed or not.
pub(crate) fn record_of(
    row: generation::Model,
    content: Option<generation_content::Model>,
    now: Timestamp,
) -> Result<GenerationRecord, Error> {
    let status = GenerationStatus::parse(&row.status, GenerationId(row.id))?;
    let is_kept = |content: &generation_content::Model| {
        status == GenerationStatus::Completed && content.expires_at_ms.is_none_or(|at| now.unix_ms() < at)
    };
    let content = content.filter(is_kept);
    Ok(GenerationRecord {
        id: GenerationId(row.id),
        is_pruned: status == GenerationStatus::Completed && content.is_none(),
        key_id: (row.key_id != 0).then_some(KeyId(row.key_id)),
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
        account_id: AccountId(row.account_id),
        split: Split { plan_tokens: row.plan_tokens, permanent_tokens: row.permanent_tokens },
        cycle_id: row.cycle_id.map(CycleId),
        refunded_tokens: row.refunded_tokens,
    })
}
