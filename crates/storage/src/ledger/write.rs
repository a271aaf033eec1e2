//! What a batch changed, written with one statement a table; on PostgreSQL all of them go in one round trip.

use super::{Completion, rows};
use crate::{
    bindings::new_row,
    entity::{event, generation, generation_content, idempotency_key, key_use, ledger_entry, wallet},
    rowset::{self, Column, columns_of},
};
use domain::{
    ledger::{Changes, EndedHold, NewHold, Resolution, SettledHold, WalletChange},
    time::Timestamp,
    webhook::Notice,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, Statement};
use serde::Serialize;
use std::collections::BTreeSet;

/// A statement over the rows of one document.
struct Piece {
    columns: Vec<Column>,
    document: String,
    /// `{v}` stands for where it reads its rows from, which it knows as `v`.
    sql: String,
    /// How many rows it must write, where it is guarded.
    expected: Option<u64>,
}

impl Piece {
    /// An insert of whole rows. With `on_conflict`, what that says of those that are there.
    fn insert<E: EntityTrait>(rows: &[E::Model], on_conflict: &str) -> Result<Option<Self>, DbErr>
    where
        E::Model: Serialize,
    {
        if rows.is_empty() {
            return Ok(None);
        }
        let columns = columns_of::<E>();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let (table, names) = (E::default().table_name().to_owned(), names.join(", "));
        // Without a WHERE, SQLite takes ON CONFLICT for the condition of a join.
        let sql = format!("INSERT INTO {table} ({names}) SELECT {names} FROM {{v}} WHERE true {on_conflict}");
        Ok(Some(Self { columns, document: rowset::document(rows)?, sql, expected: None }))
    }

    /// The statement, whose document is its `parameter`th parameter.
    fn text(&self, backend: DbBackend, parameter: usize) -> String {
        self.sql.replace("{v}", &rowset::rows(backend, parameter, &self.columns))
    }

    fn check(&self, written: u64) -> Result<(), DbErr> {
        let is_right = self.expected.is_none_or(|expected| expected == written);
        if is_right { Ok(()) } else { Err(DbErr::RecordNotUpdated) }
    }
}

/// Writes all of `changes` but the rare, cycles and refunds. The writes admit the changes themselves: they happen only if the
/// database still holds what the decisions were made on.
pub(super) async fn run<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
    changes: Changes<Completion>,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    // Parts of one statement do not see what the others write.
    let is_one = backend == DbBackend::Postgres && !ends_what_it_begins(&changes);
    let mut pieces = Vec::with_capacity(8);
    pieces.extend(wallets(&changes.wallets)?);
    pieces.extend(bindings(&changes.holds)?);
    let holds: Vec<_> = changes.holds.into_iter().map(rows::generation_row).collect();
    pieces.extend(Piece::insert::<generation::Entity>(&holds, "")?);
    let key_uses: Vec<_> = changes.key_uses.into_iter().map(rows::key_use_row).collect();
    pieces.extend(Piece::insert::<key_use::Entity>(&key_uses, USED_BEFORE)?);
    let (ends, contents) = ended(db, changes.resolutions).await?;
    pieces.extend(resolutions(&ends)?);
    pieces.extend(Piece::insert::<generation_content::Entity>(&contents, "")?);
    let notices: Vec<_> = changes.notices.into_iter().map(|notice| notice_row(now, notice)).collect();
    pieces.extend(Piece::insert::<event::Entity>(&notices, "ON CONFLICT (account_id, id) DO NOTHING")?);
    let entries: Vec<_> = changes.entries.iter().map(rows::entry_row).collect();
    pieces.extend(Piece::insert::<ledger_entry::Entity>(&entries, "")?);
    if is_one { run_as_one(db, pieces).await } else { run_in_turn(db, pieces).await }
}

/// Whoever writes what keys have used holds the wallet, so nobody else is at them.
const USED_BEFORE: &str = "ON CONFLICT (account_id, key_id) DO UPDATE
    SET month = excluded.month, used_tokens = excluded.used_tokens";

fn ends_what_it_begins(changes: &Changes<Completion>) -> bool {
    if changes.holds.is_empty() || changes.resolutions.is_empty() {
        return false;
    }
    let begun: BTreeSet<_> = changes.holds.iter().map(|hold| hold.request.generation_id).collect();
    changes.resolutions.iter().any(|settled| begun.contains(&settled.ended.generation_id))
}

async fn run_in_turn<C: ConnectionTrait>(db: &C, pieces: Vec<Piece>) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    for mut piece in pieces {
        let document = std::mem::take(&mut piece.document);
        let statement = Statement::from_sql_and_values(backend, piece.text(backend, 1), [document.into()]);
        piece.check(db.execute_raw(statement).await?.rows_affected())?;
    }
    Ok(())
}

async fn run_as_one<C: ConnectionTrait>(db: &C, mut pieces: Vec<Piece>) -> Result<(), DbErr> {
    if pieces.is_empty() {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let numbered = || pieces.iter().zip(1_usize..);
    let parts = numbered()
        .map(|(piece, number)| format!("p{number} AS ({} RETURNING 1)", piece.text(backend, number)));
    let counts = numbered().map(|(_, number)| format!("(SELECT count(*) FROM p{number})"));
    let (parts, counts): (Vec<_>, Vec<_>) = (parts.collect(), counts.collect());
    let sql = format!("WITH {} SELECT ARRAY[{}]::text", parts.join(", "), counts.join(", "));
    let documents = pieces.iter_mut().map(|piece| std::mem::take(&mut piece.document).into());
    let statement = Statement::from_sql_and_values(backend, sql, documents.collect::<Vec<_>>());
    let row = db.query_one_raw(statement).await?.ok_or(DbErr::RecordNotUpdated)?;
    let counts: String = row.try_get_by_index(0)?;
    let written = counts.trim_matches(['{', '}']).split(',').map(|count| count.parse().unwrap_or_default());
    pieces.iter().zip(written).try_for_each(|(piece, written)| piece.check(written))
}

/// A wallet as it must become, and as it was when that was decided.
#[derive(Serialize)]
struct WalletRow {
    #[serde(flatten)]
    after: wallet::Model,
    was_plan_available: i64,
    was_permanent_available: i64,
    was_plan_held: i64,
    was_permanent_held: i64,
    was_owed_tokens: i64,
    was_hour_started_at_ms: i64,
    was_hour_count: i64,
    was_day_started_at_ms: i64,
    was_day_count: i64,
    was_cycle_id: i64,
}

/// What of a wallet a decision depends on.
const SEEN: [&str; 10] = [
    "plan_available",
    "permanent_available",
    "plan_held",
    "permanent_held",
    "owed_tokens",
    "hour_started_at_ms",
    "hour_count",
    "day_started_at_ms",
    "day_count",
    "cycle_id",
];

fn wallets(changes: &[WalletChange]) -> Result<Option<Piece>, DbErr> {
    if changes.is_empty() {
        return Ok(None);
    }
    let rows: Vec<_> = changes.iter().map(wallet_row).collect();
    let mut columns = columns_of::<wallet::Entity>();
    let set =
        columns.iter().filter(|(name, _)| name != "account_id").map(|(name, _)| format!("{name} = v.{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    // Ids begin at 1, so that 0 is no cycle's.
    let guards = SEEN.map(|name| format!("coalesce(wallets.{name}, 0) = v.was_{name}")).join(" AND ");
    let sql =
        format!("UPDATE wallets SET {set} FROM {{v}} WHERE wallets.account_id = v.account_id AND {guards}");
    columns.extend(SEEN.map(|name| (format!("was_{name}"), true)));
    let expected = u64::try_from(rows.len()).ok();
    Ok(Some(Piece { columns, document: rowset::document(&rows)?, sql, expected }))
}

fn wallet_row(change: &WalletChange) -> WalletRow {
    let before = rows::wallet_row(&change.before);
    WalletRow {
        after: rows::wallet_row(&change.after),
        was_plan_available: before.plan_available,
        was_permanent_available: before.permanent_available,
        was_plan_held: before.plan_held,
        was_permanent_held: before.permanent_held,
        was_owed_tokens: before.owed_tokens,
        was_hour_started_at_ms: before.hour_started_at_ms,
        was_hour_count: before.hour_count,
        was_day_started_at_ms: before.day_started_at_ms,
        was_day_count: before.day_count,
        was_cycle_id: before.cycle_id.unwrap_or_default(),
    }
}

/// Binds the names of requests to the generations that they begin. A name that somebody else has bound since the decision,
/// an order, which does not wait for the wallet, has it made again.
fn bindings(holds: &[NewHold]) -> Result<Option<Piece>, DbErr> {
    let named = holds.iter().filter_map(|NewHold { request, .. }| Some((request, request.binding.as_ref()?)));
    let rows: Vec<_> = named
        .map(|(request, binding)| {
            let row = new_row(request.account_id, binding, request.created_at);
            idempotency_key::Model { generation_id: Some(request.generation_id.0), ..row }
        })
        .collect();
    let expected = u64::try_from(rows.len()).ok();
    let piece = Piece::insert::<idempotency_key::Entity>(&rows, "ON CONFLICT (account_id, key) DO NOTHING")?;
    Ok(piece.map(|piece| Piece { expected, ..piece }))
}

/// The end of a hold's generation.
#[derive(Serialize)]
struct EndRow {
    account_id: i64,
    id: i64,
    status: &'static str,
    completed_at_ms: i64,
    balance_tokens: i64,
    /// 1 where what it may have cost stays on the vendor's bill, else 0.
    keeps_cost: i64,
    vendor_cost_micro_usd: Option<i64>,
    result_metadata: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    error_details: Option<String>,
}

/// How ended holds are to be written: their generations' rows, and the contents of those that completed.
async fn ended<C: ConnectionTrait>(
    db: &C,
    resolutions: Vec<SettledHold<Completion>>,
) -> Result<(Vec<EndRow>, Vec<generation_content::Model>), DbErr> {
    let (mut ends, mut contents) = (Vec::with_capacity(resolutions.len()), Vec::new());
    for SettledHold { ended, balance_tokens } in resolutions {
        let EndedHold { account_id, generation_id, ended_at, resolution } = ended;
        let mut end = EndRow {
            account_id: account_id.0,
            id: generation_id.0,
            status: "completed",
            completed_at_ms: ended_at.unix_ms(),
            balance_tokens,
            keeps_cost: 1,
            vendor_cost_micro_usd: None,
            result_metadata: None,
            error_code: None,
            error_message: None,
            error_details: None,
        };
        match resolution {
            Resolution::Completed(completion) => {
                crate::files::keep(db, account_id, &completion.files, ended_at).await?;
                end.keeps_cost = i64::from(completion.vendor_cost_micro_usd.is_none());
                end.vendor_cost_micro_usd = completion.vendor_cost_micro_usd;
                contents.push(rows::content_row(account_id, generation_id, &completion));
                end.result_metadata = Some(completion.result_metadata);
            }
            Resolution::Failed(failure) | Resolution::Lost(failure) => {
                end.status = "failed";
                end.keeps_cost = i64::from(!failure.is_free);
                end.error_code = Some(failure.error_code);
                end.error_message = Some(failure.message);
                end.error_details = failure.details;
            }
        }
        ends.push(end);
    }
    Ok((ends, contents))
}

/// Ends the rows of holds, which must still be pending. They are told by the time at which they ended: on PostgreSQL their
/// status would have the planner go through all that are pending, and those that were until lately.
fn resolutions(ends: &[EndRow]) -> Result<Option<Piece>, DbErr> {
    if ends.is_empty() {
        return Ok(None);
    }
    let numbers =
        ["account_id", "id", "completed_at_ms", "balance_tokens", "keeps_cost", "vendor_cost_micro_usd"];
    let texts = ["status", "result_metadata", "error_code", "error_message", "error_details"];
    let columns = numbers.map(|name| (name.to_owned(), true)).into_iter();
    let columns = columns.chain(texts.map(|name| (name.to_owned(), false))).collect();
    let sql = "UPDATE generations SET status = v.status, completed_at_ms = v.completed_at_ms,
            balance_tokens = v.balance_tokens, result_metadata = v.result_metadata, error_code = v.error_code,
            error_message = v.error_message, error_details = v.error_details,
            vendor_cost_micro_usd = CASE WHEN v.keeps_cost = 1 THEN generations.vendor_cost_micro_usd
                ELSE v.vendor_cost_micro_usd END
        FROM {v} WHERE generations.account_id = v.account_id AND generations.id = v.id
            AND generations.completed_at_ms IS NULL";
    let expected = u64::try_from(ends.len()).ok();
    Ok(Some(Piece { columns, document: rowset::document(ends)?, sql: sql.to_owned(), expected }))
}

fn notice_row(now: Timestamp, notice: Notice) -> event::Model {
    event::Model {
        account_id: notice.account_id.0,
        id: notice.id,
        r#type: notice.event_type.name().to_owned(),
        data: notice.data,
        created_at_ms: now.unix_ms(),
        is_new: 1,
    }
}

#[cfg(test)]
mod tests;
