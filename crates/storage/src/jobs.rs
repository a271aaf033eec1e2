//! Jobs that run at vendors. A worker claims those that are due, for a while; what it finds is written only while the claim
//! is still its own.

use crate::{
    Error, Storage,
    entity::{generation, job, job_directory},
};
use domain::{
    id::{AccountId, GenerationId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, Statement,
    sea_query::{Expr, ExprTrait},
};

/// A job that was just started.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Whose.
    pub account_id: AccountId,
    /// For which generation.
    pub generation_id: GenerationId,
    /// The call, as JSON.
    pub call: String,
    /// The adapter's state, as JSON.
    pub state: String,
    /// What the vendor has made and has only to be fetched, as JSON; `None` while it is at work.
    pub product: Option<String>,
    /// Percent done, where the vendor tells.
    pub progress: Option<i64>,
    /// When to ask after it.
    pub poll_at: Timestamp,
    /// When to give it up.
    pub deadline_at: Timestamp,
    /// What the vendor's callback is known by, where it has one.
    pub token: Option<String>,
}

/// A job that this worker may ask after until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Whose.
    pub account_id: AccountId,
    /// For which generation.
    pub generation_id: GenerationId,
    /// The call, as JSON.
    pub call: String,
    /// The adapter's state, as JSON.
    pub state: String,
    /// What the vendor has made and has only to be fetched, as JSON.
    pub product: Option<String>,
    /// Percent done, as it was last told.
    pub progress: Option<i64>,
    /// How often it was asked after.
    pub polls: i64,
    /// How often in a row that came to nothing.
    pub troubles: i64,
    /// When to give it up.
    pub deadline_at: Timestamp,
    /// Under which claim.
    pub claim: i64,
    /// Callbacks that had come by then.
    pub hints: i64,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// The call, as JSON.
    pub call: String,
    /// The adapter's state, as JSON.
    pub state: String,
    /// What the vendor has made and has only to be fetched, as JSON.
    pub product: Option<String>,
    /// Percent done, where the vendor tells.
    pub progress: Option<i64>,
    /// Until when a worker has it to itself.
    pub leased_until: Timestamp,
}

/// What asking found, for a job that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobUpdate {
    /// The adapter's state, as JSON.
    pub state: String,
    /// Percent done, where the vendor tells.
    pub progress: Option<i64>,
    /// How often in a row asking came to nothing.
    pub troubles: i64,
    /// When to ask again.
    pub poll_at: Timestamp,
}

impl Storage {
    /// Stores a job, with a flush: from here on it survives everything. Its hold's row is locked, so that nobody takes the
    /// hold for lost meanwhile; where that was too late, whoever asks after the job finds it ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_job(&self, new: NewJob) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        let hold = generation::Entity::find_by_id((new.account_id.0, new.generation_id.0));
        hold.select_only()
            .column(generation::Column::Id)
            .lock_exclusive()
            .into_tuple::<i64>()
            .one(&transaction)
            .await?;
        let row = job::ActiveModel {
            account_id: Set(new.account_id.0),
            generation_id: Set(new.generation_id.0),
            call: Set(new.call),
            state: Set(new.state),
            progress: Set(new.progress),
            polls: Set(0),
            poll_at_ms: Set(new.poll_at.unix_ms()),
            deadline_at_ms: Set(new.deadline_at.unix_ms()),
            claim: Set(0),
            leased_until_ms: Set(0),
            product: Set(new.product),
            hints: Set(0),
            troubles: Set(0),
        };
        job::Entity::insert(row).exec_without_returning(&transaction).await?;
        if let Some(token) = new.token {
            let entry = job_directory::ActiveModel {
                token: Set(token),
                account_id: Set(new.account_id.0),
                generation_id: Set(new.generation_id.0),
            };
            job_directory::Entity::insert(entry).exec_without_returning(&transaction).await?;
        }
        self.db.commit(transaction, "create_job").await?;
        Ok(())
    }

    /// Claims up to `limit` jobs that are due at `now`, until `leased_until`. No two workers get the same one: the update's
    /// own condition repeats the test, and PostgreSQL skips rows that another is just claiming.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_jobs(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let lock = if self.db.backend() == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE jobs SET claim = claim + 1, polls = polls + 1, leased_until_ms = $2
            WHERE (account_id, generation_id) IN (
                    SELECT account_id, generation_id FROM jobs
                    WHERE poll_at_ms <= $1 AND leased_until_ms <= $1 ORDER BY poll_at_ms LIMIT $3 {lock}
                ) AND poll_at_ms <= $1 AND leased_until_ms <= $1
            RETURNING *"
        );
        let values = [now.unix_ms().into(), leased_until.unix_ms().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.writer().query_all_raw(statement).await?;
        rows.iter()
            .map(|row| {
                let row = job::Model::from_query_result(row, "")?;
                Ok(ClaimedJob {
                    account_id: AccountId(row.account_id),
                    generation_id: GenerationId(row.generation_id),
                    call: row.call,
                    state: row.state,
                    product: row.product,
                    progress: row.progress,
                    polls: row.polls,
                    troubles: row.troubles,
                    deadline_at: Timestamp::from_unix_ms(row.deadline_at_ms),
                    claim: row.claim,
                    hints: row.hints,
                })
            })
            .collect()
    }

    /// Writes down how far a claimed job is and gives it back. When its vendor has called meanwhile, it is due at once.
    /// `false` when the claim is no longer this worker's.
    ///
    /// # Errors
    /// The database's.
    pub async fn update_job(&self, job: &ClaimedJob, update: JobUpdate) -> Result<bool, Error> {
        let poll_at = Expr::case(job::Column::Hints.eq(job.hints), Expr::value(update.poll_at.unix_ms()))
            .finally(Expr::col(job::Column::PollAtMs));
        let written = job::Entity::update_many()
            .col_expr(job::Column::State, Expr::value(update.state))
            .col_expr(job::Column::Progress, Expr::value(update.progress))
            .col_expr(job::Column::Troubles, Expr::value(update.troubles))
            .col_expr(job::Column::PollAtMs, poll_at.into())
            .col_expr(job::Column::LeasedUntilMs, Expr::value(0_i64))
            .filter(is_claimed(job))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// Lets a worker that still works at a claimed job keep it until `leased_until`. `false` when the claim is no longer
    /// its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn extend_claim(&self, job: &ClaimedJob, leased_until: Timestamp) -> Result<bool, Error> {
        let written = job::Entity::update_many()
            .col_expr(job::Column::LeasedUntilMs, Expr::value(leased_until.unix_ms()))
            .filter(is_claimed(job))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// The job of a generation.
    ///
    /// # Errors
    /// The database's.
    pub async fn job(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
    ) -> Result<Option<JobRecord>, Error> {
        let key = (account_id.0, generation_id.0);
        let row = job::Entity::find_by_id(key).one(self.db.reader()).await?;
        Ok(row.map(|row| JobRecord {
            call: row.call,
            state: row.state,
            product: row.product,
            progress: row.progress,
            leased_until: Timestamp::from_unix_ms(row.leased_until_ms),
        }))
    }

    /// Forgets the job of a generation that has ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_job(&self, account_id: AccountId, generation_id: GenerationId) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        job_directory::Entity::delete_many()
            .filter(job_directory::Column::AccountId.eq(account_id.0))
            .filter(job_directory::Column::GenerationId.eq(generation_id.0))
            .exec(&transaction)
            .await?;
        job::Entity::delete_by_id((account_id.0, generation_id.0)).exec(&transaction).await?;
        self.db.commit(transaction, "forget_job").await?;
        Ok(())
    }

    /// Makes the job of that token due now: a vendor says that it has moved. `false` when there is no such job.
    ///
    /// # Errors
    /// The database's.
    pub async fn hasten_job(&self, token: &str, now: Timestamp) -> Result<bool, Error> {
        let Some(entry) = job_directory::Entity::find_by_id(token).one(self.db.reader()).await? else {
            return Ok(false);
        };
        let written = job::Entity::update_many()
            .col_expr(job::Column::PollAtMs, Expr::value(now.unix_ms()))
            .col_expr(job::Column::Hints, Expr::col(job::Column::Hints).add(1))
            .filter(job::Column::AccountId.eq(entry.account_id))
            .filter(job::Column::GenerationId.eq(entry.generation_id))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }
}

/// Whether a row is still claimed as `job` was.
fn is_claimed(job: &ClaimedJob) -> Condition {
    Condition::all()
        .add(job::Column::AccountId.eq(job.account_id.0))
        .add(job::Column::GenerationId.eq(job.generation_id.0))
        .add(job::Column::Claim.eq(job.claim))
}
