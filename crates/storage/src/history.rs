//! An account's generations, newest first. Each query walks an index in the order that is asked for, so its cost depends on
//! what it gives and passes over, and not on how many generations there are.

use crate::{
    Error, GenerationRecord, GenerationStatus, Storage,
    entity::{generation, generation_content, job},
    generations::record_of,
};
use domain::{
    catalog::Category,
    id::{AccountId, GenerationId},
    time::Timestamp,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryResult, QuerySelect,
    Statement, Value,
};
use std::collections::HashMap;

/// Which generations are looked for; whatever is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// What was made.
    pub category: Option<Category>,
    /// By which model.
    pub model_slug: Option<String>,
    /// What became of it.
    pub status: Option<GenerationStatus>,
}

/// A place in a history: a generation and when it was begun.
pub type HistoryPlace = (Timestamp, GenerationId);

impl Storage {
    /// Where an account's generation stands in its history.
    ///
    /// # Errors
    /// The database's.
    pub async fn history_place(
        &self,
        account_id: AccountId,
        id: GenerationId,
    ) -> Result<Option<HistoryPlace>, Error> {
        let created_at_ms = generation::Entity::find_by_id((account_id.0, id.0))
            .select_only()
            .column(generation::Column::CreatedAtMs)
            .into_tuple::<i64>()
            .one(self.db.reader());
        Ok(created_at_ms.await?.map(|ms| (Timestamp::from_unix_ms(ms), id)))
    }

    /// Up to `limit` of an account's generations, the newest first, after the first `offset` of those that were begun before
    /// `before`.
    ///
    /// # Errors
    /// The database's.
    pub async fn history(
        &self,
        account_id: AccountId,
        filter: &HistoryFilter,
        before: Option<HistoryPlace>,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<GenerationRecord>, Error> {
        let Branches { branches, values } = branches(account_id, filter, before);
        let most = offset.saturating_add(limit);
        let newest = "ORDER BY created_at_ms DESC, id DESC LIMIT";
        let sql = format!(
            "SELECT g.*, c.generation_id, NULL AS prompt, c.result_text, c.result_file, c.thumbnail_file, c.expires_at_ms
            FROM ({} {newest} {limit} OFFSET {offset}) AS page
                JOIN generations g ON g.account_id = $1 AND g.id = page.id
                LEFT JOIN generation_contents c ON c.account_id = $1 AND c.generation_id = page.id
            ORDER BY page.created_at_ms DESC, page.id DESC",
            merged(&branches, "id, created_at_ms", &format!("{newest} {most}")),
        );
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let now = self.clock.now();
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter().map(|row| found(row, now)).collect()
    }

    /// How many generations an account has, `limit` at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn history_len(
        &self,
        account_id: AccountId,
        filter: &HistoryFilter,
        limit: u64,
    ) -> Result<u64, Error> {
        let Branches { branches, values } = branches(account_id, filter, None);
        // The oldest first: what has not changed for long is in the index alone, and need not be looked at.
        let all = merged(&branches, "1", &format!("ORDER BY created_at_ms, id LIMIT {limit}"));
        let sql = format!("SELECT COUNT(*) AS n FROM ({all} LIMIT {limit}) AS found");
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.reader().query_one_raw(statement).await?;
        let len: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
        Ok(u64::try_from(len).unwrap_or_default())
    }

    /// Percent done of those of an account's generations that run as jobs and whose vendor tells.
    ///
    /// # Errors
    /// The database's.
    pub async fn progress(
        &self,
        account_id: AccountId,
        ids: &[GenerationId],
    ) -> Result<HashMap<GenerationId, i64>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = job::Entity::find()
            .select_only()
            .columns([job::Column::GenerationId, job::Column::Progress])
            .filter(job::Column::AccountId.eq(account_id.0))
            .filter(job::Column::GenerationId.is_in(ids.iter().map(|id| id.0)))
            .filter(job::Column::Progress.is_not_null())
            .into_tuple::<(i64, i64)>()
            .all(self.db.reader());
        Ok(rows.await?.into_iter().map(|(id, progress)| (GenerationId(id), progress)).collect())
    }
}

/// A generation as it was found, with its contents where it has any.
fn found(row: &QueryResult, now: Timestamp) -> Result<GenerationRecord, Error> {
    let has_content = row.try_get::<Option<i64>>("", "generation_id")?.is_some();
    let content =
        if has_content { Some(generation_content::Model::from_query_result(row, "")?) } else { None };
    record_of(generation::Model::from_query_result(row, "")?, content, now)
}

/// Generations, in one branch for each status: within it an index has them in the order of a history.
struct Branches {
    /// What follows `FROM` in each.
    branches: Vec<String>,
    /// What stands for their parameters, the same in all.
    values: Vec<Value>,
}

fn branches(account_id: AccountId, filter: &HistoryFilter, before: Option<HistoryPlace>) -> Branches {
    let mut values: Vec<Value> = vec![account_id.0.into()];
    let mut place = |value: Value| {
        values.push(value);
        values.len()
    };
    let mut wanted = String::new();
    if let Some(model_slug) = &filter.model_slug {
        wanted += &format!(" AND model_slug = ${}", place(model_slug.as_str().into()));
    }
    if let Some(category) = filter.category {
        wanted += &format!(" AND category = ${}", place(category.name().into()));
    }
    // The condition of the indexes by model and by category, in its own words, or SQLite would not see that they fit. Pending
    // ones are not in them, and few.
    let ended = if wanted.is_empty() { "" } else { " AND status <> 'pending'" };
    if let Some((created_at, id)) = before {
        let (created_at, id) = (place(created_at.unix_ms().into()), place(id.0.into()));
        wanted += &format!(" AND (created_at_ms, id) < (${created_at}, ${id})");
    }
    let branch = |status: GenerationStatus| {
        let ended = if status == GenerationStatus::Pending { "" } else { ended };
        format!("generations WHERE account_id = $1 AND status = '{}'{ended}{wanted}", status.name())
    };
    let statuses = filter.status.map_or_else(|| GenerationStatus::ALL.to_vec(), |status| vec![status]);
    Branches { branches: statuses.into_iter().map(branch).collect(), values }
}

/// All branches, each in the order and up to the end that `bounds` says: without that a database would rather sort all of a
/// branch, or walk through all of an account.
fn merged(branches: &[String], columns: &str, bounds: &str) -> String {
    let bounded = branches
        .iter()
        .map(|branch| format!("SELECT * FROM (SELECT {columns} FROM {branch} {bounds}) AS branch"));
    bounded.collect::<Vec<_>>().join(" UNION ALL ")
}
