//! What a batch changed, written with one statement a table; on PostgreSQL all of them go in one round trip.

mod wallets;

pub(super) use wallets::only_moves;

use super::{Completion, rows};
use crate::{
    bindings::new_row,
    db::Pinned,
    entity::{event, generation, generation_content, idempotency_key, key_use, ledger_entry},
    rowset::{self, Column, columns_of},
};
use domain::{
    ledger::{Changes, EndedHold, NewHold, Resolution, SettledHold},
    time::Timestamp,
    webhook::Notice,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, RuntimeErr, Statement, Value};
use serde::Serialize;
use std::collections::BTreeSet;

/// A statement over the rows of one document.
struct Piece {
    columns: Vec<Column>,
    document: String,
    /// `{v}` stands for where it reads its rows from, which it knows as `v`.
    sql: String,
    /// How many rows it must write, where it is guarded.
    expected: Option<i64>,
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
        let is_right = self.expected.is_none_or(|expected| u64::try_from(expected) == Ok(written));
        if is_right { Ok(()) } else { Err(DbErr::RecordNotUpdated) }
    }
}

/// Writes all of `changes` but the rare, cycles and refunds, in the caller's transaction. The writes admit the changes
/// themselves: they happen only if the database still holds what the decisions were made on.
pub(super) async fn run<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
    changes: Changes<Completion>,
) -> Result<(), DbErr> {
    for settled in &changes.resolutions {
        if let Resolution::Completed(completion) = &settled.ended.resolution {
            let EndedHold { account_id, ended_at, .. } = settled.ended;
            crate::files::keep(db, account_id, &completion.files, ended_at).await?;
        }
    }
    // Parts of one statement do not see what the others write.
    let is_one = db.get_database_backend() == DbBackend::Postgres && !ends_what_it_begins(&changes);
    let pieces = pieces(now, changes)?;
    if is_one { run_as_one(db, pieces).await } else { run_in_turn(db, pieces).await }
}

/// As [`run`], for changes without files, by a statement that commits by itself: all of it is written, or nothing.
pub(super) async fn run_alone(
    db: &Pinned,
    now: Timestamp,
    changes: Changes<Completion>,
) -> Result<(), DbErr> {
    run_as_one(db, pieces(now, changes)?).await
}

fn pieces(now: Timestamp, changes: Changes<Completion>) -> Result<Vec<Piece>, DbErr> {
    let mut pieces = Vec::with_capacity(8);
    // First, for they are locked first.
    pieces.extend(wallets::pieces(&changes.wallets)?.into_iter().flatten());
    pieces.extend(bindings(&changes.holds)?);
    let holds: Vec<_> = changes.holds.into_iter().map(rows::generation_row).collect();
    pieces.extend(Piece::insert::<generation::Entity>(&holds, "")?);
    let key_uses: Vec<_> = changes.key_uses.into_iter().map(rows::key_use_row).collect();
    pieces.extend(Piece::insert::<key_use::Entity>(&key_uses, USED_BEFORE)?);
    let (ends, contents) = ended(changes.resolutions);
    pieces.extend(resolutions(&ends)?);
    pieces.extend(Piece::insert::<generation_content::Entity>(&contents, "")?);
    let notices: Vec<_> = changes.notices.into_iter().map(|notice| notice_row(now, notice)).collect();
    pieces.extend(Piece::insert::<event::Entity>(&notices, "ON CONFLICT (account_id, id) DO NOTHING")?);
    let entries: Vec<_> = changes.entries.iter().map(rows::entry_row).collect();
    pieces.extend(Piece::insert::<ledger_entry::Entity>(&entries, "")?);
    Ok(pieces)
}

/// Whoever writes what keys have used holds the wallet, so nobody else is at them.
const USED_BEFORE: &str = "ON CONFLICT (account_id, key_id) DO UPDATE
    SET month = excluded.month, used_tokens = excluded.used_tokens";

/// Whether a hold is to be ended that is not written yet.
pub(super) fn ends_what_it_begins(changes: &Changes<Completion>) -> bool {
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

/// The statement fails, and nothing of it is written, where a part does not write as many rows as it must. Parts that must write a
/// certain number run first, in their order: the wallets, whose locks keep others from the rest. The other parts follow.
async fn run_as_one<C: ConnectionTrait>(db: &C, mut pieces: Vec<Piece>) -> Result<(), DbErr> {
    if pieces.is_empty() {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let (mut parts, mut guards) = (Vec::with_capacity(pieces.len()), vec!["true".to_owned()]);
    let documents = pieces.iter_mut().map(|piece| std::mem::take(&mut piece.document).into());
    let mut values: Vec<Value> = documents.collect();
    for (piece, number) in pieces.iter().zip(1_usize..) {
        parts.push(format!("p{number} AS ({} RETURNING 1)", piece.text(backend, number)));
        if let Some(expected) = piece.expected {
            values.push(expected.into());
            guards.push(format!("(SELECT count(*) FROM p{number}) = ${}", values.len()));
        }
    }
    let (parts, guards) = (parts.join(", "), guards.join(" AND "));
    let sql = format!("WITH {parts} SELECT 'written' WHERE 1 / CASE WHEN {guards} THEN 1 ELSE 0 END = 1");
    match db.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await {
        Err(error) if is_division_by_zero(&error) => Err(DbErr::RecordNotUpdated),
        result => result.map(drop),
    }
}

fn is_division_by_zero(error: &DbErr) -> bool {
    let DbErr::Query(RuntimeErr::SqlxError(error)) = error else { return false };
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    error.as_database_error().is_some_and(|error| error.code().is_some_and(|code| code == "22012"))
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
    let expected = i64::try_from(rows.len()).ok();
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
fn ended(resolutions: Vec<SettledHold<Completion>>) -> (Vec<EndRow>, Vec<generation_content::Model>) {
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
    (ends, contents)
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
    let expected = i64::try_from(ends.len()).ok();
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
