//! What a batch changed, written with one statement a table; on PostgreSQL all of them go in one round trip.

mod wallets;

pub(super) use wallets::only_moves;

use super::{Completion, rows};
use crate::{
    bindings::new_row,
    db::Pinned,
    entity::{event, generation, generation_content, idempotency_key, key_use, ledger_entry},
    rowset::{Column, Form, Rows},
};
use domain::{
    ledger::{Changes, EndedHold, NewHold, Resolution, SettledHold},
    time::Timestamp,
    webhook::Notice,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, RuntimeErr, Statement, Value};
use std::collections::BTreeSet;

/// A statement over some rows.
struct Piece {
    rows: Rows,
    /// `{v}` stands for where it reads them from, which it knows as `v`.
    sql: String,
    /// Whether it must write all of them.
    is_guarded: bool,
}

impl Piece {
    /// An insert of whole rows. With `on_conflict`, what that says of those that are there.
    fn insert<E: EntityTrait>(rows: impl IntoIterator<Item = E::Model>, on_conflict: &str) -> Option<Self> {
        let rows = Rows::of::<E>(rows);
        if rows.len() == 0 {
            return None;
        }
        let names = rows.names().collect::<Vec<_>>().join(", ");
        let table = E::default().table_name().to_owned();
        // Without a WHERE, SQLite takes ON CONFLICT for the condition of a join.
        let sql = format!("INSERT INTO {table} ({names}) SELECT {names} FROM {{v}} WHERE true {on_conflict}");
        Some(Self { rows, sql, is_guarded: false })
    }

    fn guarded(self) -> Self {
        Self { is_guarded: true, ..self }
    }

    /// How many rows it must write, where it is guarded.
    fn expected(&self) -> Option<i64> {
        i64::try_from(self.rows.len()).ok().filter(|_| self.is_guarded)
    }

    /// The statement; what it takes is added to `parameters`.
    fn text(self, form: Form, parameters: &mut Vec<Value>) -> Result<String, DbErr> {
        Ok(self.sql.replace("{v}", &self.rows.source(form, parameters)?))
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
    let pieces = pieces(now, changes);
    if is_one { run_as_one(db, pieces).await } else { run_in_turn(db, pieces).await }
}

/// As [`run`], for changes without files, by a statement that commits by itself: all of it is written, or nothing.
pub(super) async fn run_alone(
    db: &Pinned,
    now: Timestamp,
    changes: Changes<Completion>,
) -> Result<(), DbErr> {
    run_as_one(db, pieces(now, changes)).await
}

fn pieces(now: Timestamp, changes: Changes<Completion>) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(8);
    // First, for they are locked first.
    pieces.extend(wallets::pieces(&changes.wallets).into_iter().flatten());
    pieces.extend(bindings(&changes.holds));
    pieces
        .extend(Piece::insert::<generation::Entity>(changes.holds.into_iter().map(rows::generation_row), ""));
    let key_uses = changes.key_uses.into_iter().map(rows::key_use_row);
    pieces.extend(Piece::insert::<key_use::Entity>(key_uses, USED_BEFORE));
    let (ends, contents) = ended(changes.resolutions);
    pieces.extend(resolutions(ends));
    pieces.extend(Piece::insert::<generation_content::Entity>(contents, ""));
    let notices = changes.notices.into_iter().map(|notice| notice_row(now, notice));
    pieces.extend(Piece::insert::<event::Entity>(notices, "ON CONFLICT (account_id, id) DO NOTHING"));
    pieces.extend(Piece::insert::<ledger_entry::Entity>(changes.entries.iter().map(rows::entry_row), ""));
    pieces
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
    for piece in pieces {
        let (expected, mut parameters) = (piece.expected(), Vec::new());
        let form = Form::of(backend, [piece.rows.len()]);
        let sql = piece.text(form, &mut parameters)?;
        let result = db.execute_raw(Statement::from_sql_and_values(backend, sql, parameters)).await?;
        if expected.is_some_and(|expected| u64::try_from(expected) != Ok(result.rows_affected())) {
            return Err(DbErr::RecordNotUpdated);
        }
    }
    Ok(())
}

/// The statement fails, and nothing of it is written, where a part does not write as many rows as it must. Parts that must write a
/// certain number run first, in their order: the wallets, whose locks keep others from the rest. The other parts follow.
async fn run_as_one<C: ConnectionTrait>(db: &C, pieces: Vec<Piece>) -> Result<(), DbErr> {
    if pieces.is_empty() {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let (mut parts, mut guards) = (Vec::with_capacity(pieces.len()), vec!["true".to_owned()]);
    let (mut parameters, form) = (Vec::new(), Form::of(backend, pieces.iter().map(|piece| piece.rows.len())));
    for (piece, number) in pieces.into_iter().zip(1..) {
        let expected = piece.expected();
        parts.push(format!("p{number} AS ({} RETURNING 1)", piece.text(form, &mut parameters)?));
        if let Some(expected) = expected {
            parameters.push(expected.into());
            guards.push(format!("(SELECT count(*) FROM p{number}) = ${}", parameters.len()));
        }
    }
    let (parts, guards) = (parts.join(", "), guards.join(" AND "));
    let sql = format!("WITH {parts} SELECT 'written' WHERE 1 / CASE WHEN {guards} THEN 1 ELSE 0 END = 1");
    match db.query_one_raw(Statement::from_sql_and_values(backend, sql, parameters)).await {
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
fn bindings(holds: &[NewHold]) -> Option<Piece> {
    let named = holds.iter().filter_map(|NewHold { request, .. }| Some((request, request.binding.as_ref()?)));
    let rows = named.map(|(request, binding)| {
        let row = new_row(request.account_id, binding, request.created_at);
        idempotency_key::Model { generation_id: Some(request.generation_id.0), ..row }
    });
    Some(
        Piece::insert::<idempotency_key::Entity>(rows, "ON CONFLICT (account_id, key) DO NOTHING")?.guarded(),
    )
}

/// What the row of an ended hold's generation gets.
const END_COLUMNS: [Column; 11] = [
    Column::number("account_id"),
    Column::number("id"),
    Column::text("status"),
    Column::number("completed_at_ms"),
    Column::number("balance_tokens"),
    // 1 where what it may have cost stays on the vendor's bill, else 0.
    Column::number("keeps_cost"),
    Column::number("vendor_cost_micro_usd"),
    Column::text("result_metadata"),
    Column::text("error_code"),
    Column::text("error_message"),
    Column::text("error_details"),
];

/// How ended holds are to be written: their generations' rows, by [`END_COLUMNS`], and the contents of those that completed.
fn ended(
    resolutions: Vec<SettledHold<Completion>>,
) -> (Vec<[Value; END_COLUMNS.len()]>, Vec<generation_content::Model>) {
    let (mut ends, mut contents) = (Vec::with_capacity(resolutions.len()), Vec::new());
    for SettledHold { ended, balance_tokens } in resolutions {
        let EndedHold { account_id, generation_id, ended_at, resolution } = ended;
        let (status, keeps_cost, cost_micro_usd, metadata, error) = match resolution {
            Resolution::Completed(completion) => {
                contents.push(rows::content_row(account_id, generation_id, &completion));
                let cost_micro_usd = completion.vendor_cost_micro_usd;
                let metadata = Some(completion.result_metadata);
                ("completed", cost_micro_usd.is_none(), cost_micro_usd, metadata, None)
            }
            Resolution::Failed(failure) | Resolution::Lost(failure) => {
                ("failed", !failure.is_free, None, None, Some(failure))
            }
        };
        let (code, message, details) =
            error.map_or((None, None, None), |it| (Some(it.error_code), Some(it.message), it.details));
        ends.push([
            account_id.0.into(),
            generation_id.0.into(),
            status.into(),
            ended_at.unix_ms().into(),
            balance_tokens.into(),
            i64::from(keeps_cost).into(),
            cost_micro_usd.into(),
            metadata.into(),
            code.into(),
            message.into(),
            details.into(),
        ]);
    }
    (ends, contents)
}

/// Ends the rows of holds, which must still be pending. They are told by the time at which they ended: on PostgreSQL their
/// status would have the planner go through all that are pending, and those that were until lately.
fn resolutions(ends: Vec<[Value; END_COLUMNS.len()]>) -> Option<Piece> {
    if ends.is_empty() {
        return None;
    }
    let sql = "UPDATE generations SET status = v.status, completed_at_ms = v.completed_at_ms,
            balance_tokens = v.balance_tokens, result_metadata = v.result_metadata, error_code = v.error_code,
            error_message = v.error_message, error_details = v.error_details,
            vendor_cost_micro_usd = CASE WHEN v.keeps_cost = 1 THEN generations.vendor_cost_micro_usd
                ELSE v.vendor_cost_micro_usd END
        FROM {v} WHERE generations.account_id = v.account_id AND generations.id = v.id
            AND generations.completed_at_ms IS NULL";
    Some(Piece { rows: Rows::new(END_COLUMNS, ends), sql: sql.to_owned(), is_guarded: true })
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
