//! One transaction's worth of commands: load what they touch, apply the rules, write what changed.

use super::{
    Completion, admission,
    rows::{self, HoldRow},
    tell, write,
};
use crate::{
    entity::{cycle, generation, job, ledger_entry, wallet},
    rowset::{self, Column, Form, Rows},
};
use domain::{
    id::{AccountId, GenerationId},
    ledger::{
        Book, Changes, ChargeRefund, Command, Loaded, Outcome, Reason, Refusal, Resolution, StoredHold,
        Wallet,
    },
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, Statement,
};
use std::collections::{BTreeMap, BTreeSet};

/// Carries out `commands` in the caller's transaction, in their order. A command that is refused leaves no trace and does
/// not disturb the others.
pub(crate) async fn run<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
    commands: Vec<Command<Completion>>,
) -> Result<Vec<Result<Outcome, Refusal>>, DbErr> {
    let accounts: BTreeSet<AccountId> = commands.iter().map(Command::account_id).collect();
    // The wallet's lock is the account's: whatever else belongs to the account is read under it.
    let wallets = load_wallets(db, accounts, true).await?;
    let holds = load_holds(db, commands.iter()).await?;
    let sources = load_sources(db, &commands).await?;
    let key_uses = admission::load_key_uses(db, &commands, &holds, &BTreeMap::new()).await?;
    let bound = admission::load_bound(db, &commands).await?;
    let allowances = tell::load_allowances(db, &commands, &wallets).await?;
    let loaded = Loaded { wallets, holds, sources, key_uses, bound, allowances };
    let (outcomes, changes) = decide(now, loaded, commands);
    write(db, now, changes).await?;
    Ok(outcomes)
}

/// What becomes of each of `commands`, and what is to be written then.
pub(super) fn decide(
    now: Timestamp,
    loaded: Loaded,
    commands: Vec<Command<Completion>>,
) -> (Vec<Result<Outcome, Refusal>>, Changes<Completion>) {
    let mut book = Book::new(now, loaded);
    let outcomes = commands.into_iter().map(|command| book.apply(command)).collect();
    (outcomes, book.into_changes())
}

/// Reads wallets. They are locked in the order of their accounts, so that two transactions never wait for each other. (SQLite
/// holds its one write lock already, and knows no `FOR UPDATE`.)
pub(super) async fn load_wallets<C: ConnectionTrait>(
    db: &C,
    accounts: BTreeSet<AccountId>,
    is_locked: bool,
) -> Result<Vec<Wallet>, DbErr> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let accounts = rowset::numbers(accounts.into_iter().map(|id| id.0));
    let sql = wallets_among(backend, is_locked);
    let rows = wallet::Entity::find()
        .from_raw_sql(Statement::from_sql_and_values(backend, sql, [accounts.into()]))
        .all(db)
        .await?;
    let wallets = rows.into_iter().map(rows::wallet_from);
    wallets.collect::<Result<_, _>>().map_err(|error| DbErr::Custom(error.to_string()))
}

fn wallets_among(backend: DbBackend, is_locked: bool) -> String {
    let lock = if is_locked && backend == DbBackend::Postgres { "FOR UPDATE" } else { "" };
    let is_among = rowset::is_among(backend, "account_id");
    let columns = rowset::names_of::<wallet::Entity>().join(", ");
    format!("SELECT {columns} FROM wallets WHERE {is_among} ORDER BY account_id {lock}")
}

/// The holds that are to be ended, or whose charges are to go back. What is to be ended as lost is locked first: whoever keeps a job takes the same lock, so
/// that a job is found here, or its keeper finds the hold ended.
pub(super) async fn load_holds<C: ConnectionTrait>(
    db: &C,
    commands: impl Iterator<Item = &Command<Completion>>,
) -> Result<BTreeMap<(AccountId, GenerationId), StoredHold>, DbErr> {
    let (mut named, mut lost) = (Vec::new(), Condition::any());
    for command in commands {
        if let Command::RefundCharge { account_id, generation_id } = command {
            named.push([account_id.0.into(), generation_id.0.into()]);
        }
        let Command::Resolve(ended) = command else { continue };
        named.push([ended.account_id.0.into(), ended.generation_id.0.into()]);
        if matches!(ended.resolution, Resolution::Lost(_)) {
            lost = lost.add(job_is(ended.account_id, ended.generation_id));
        }
    }
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let backend = db.get_database_backend();
    let is_locked = backend == DbBackend::Postgres && !lost.is_empty();
    let named = Rows::new([Column::number("account_id"), Column::number("id")], named);
    let (mut parameters, form) = (Vec::new(), Form::of(backend, [named.len()]));
    let sql = format!(
        "SELECT {columns} FROM {v} JOIN generations g ON g.account_id = v.account_id AND g.id = v.id {lock}",
        columns = HoldRow::COLUMNS,
        v = named.source(form, &mut parameters)?,
        lock = if is_locked { "ORDER BY g.id FOR UPDATE OF g" } else { "" },
    );
    let statement = Statement::from_sql_and_values(backend, sql, parameters);
    let rows = HoldRow::find_by_statement(statement).all(db).await?;
    let mut holds: BTreeMap<_, _> = rows.into_iter().map(HoldRow::into_hold).collect();
    if !lost.is_empty() {
        for job in job::Entity::find().filter(lost).all(db).await? {
            if let Some(hold) = holds.get_mut(&(AccountId(job.account_id), GenerationId(job.generation_id))) {
                hold.runs_as_job = true;
            }
        }
    }
    Ok(holds)
}

fn job_is(account_id: AccountId, generation_id: GenerationId) -> Condition {
    Condition::all()
        .add(job::Column::AccountId.eq(account_id.0))
        .add(job::Column::GenerationId.eq(generation_id.0))
}

/// The sources of what `commands` give and take that stand in the entries already.
async fn load_sources<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
) -> Result<BTreeSet<(AccountId, Reason, i64)>, DbErr> {
    let mut condition = Condition::any();
    for command in commands {
        for (reason, source_id) in command.sources() {
            condition = condition.add(
                Condition::all()
                    .add(ledger_entry::Column::AccountId.eq(command.account_id().0))
                    .add(ledger_entry::Column::Reason.eq(reason.name()))
                    .add(ledger_entry::Column::SourceId.eq(source_id)),
            );
        }
    }
    if condition.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = ledger_entry::Entity::find().filter(condition).all(db).await?;
    let sources = rows
        .iter()
        .filter_map(|row| Some((AccountId(row.account_id), Reason::parse(&row.reason)?, row.source_id)));
    Ok(sources.collect())
}

async fn write<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
    mut changes: Changes<Completion>,
) -> Result<(), DbErr> {
    let (refunds, cycles) = (std::mem::take(&mut changes.refunds), std::mem::take(&mut changes.cycles));
    write::run(db, now, changes).await?;
    for refund in refunds {
        write_refund(db, refund).await?;
    }
    if !cycles.is_empty() {
        let rows = cycles.into_iter().map(rows::cycle_row);
        cycle::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Notes on a generation what has come back of its charge, once.
async fn write_refund<C: ConnectionTrait>(db: &C, refund: ChargeRefund) -> Result<(), DbErr> {
    let row = generation::ActiveModel { refunded_tokens: Set(Some(refund.tokens)), ..Default::default() };
    let written = generation::Entity::update_many()
        .set(row)
        .filter(generation::Column::AccountId.eq(refund.account_id.0))
        .filter(generation::Column::Id.eq(refund.generation_id.0))
        .filter(generation::Column::Status.eq("completed"))
        .filter(generation::Column::RefundedTokens.is_null())
        .exec(db)
        .await?;
    if written.rows_affected == 1 { Ok(()) } else { Err(DbErr::RecordNotUpdated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it two transactions may wait for each other, which comes right by itself and costs seconds.
    #[test]
    fn wallets_are_locked_in_one_order() {
        let sql = wallets_among(DbBackend::Postgres, true);
        assert!(sql.ends_with(" ORDER BY account_id FOR UPDATE"), "{sql}");
    }
}
