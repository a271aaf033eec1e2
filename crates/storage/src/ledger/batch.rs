//! One transaction's worth of commands: load what they touch, apply the rules, write what changed.

use super::{Completion, admission, rows, tell};
use crate::entity::{cycle, generation, generation_content, job, ledger_entry, wallet};
use domain::{
    id::{AccountId, GenerationId},
    ledger::{
        Book, Changes, ChargeRefund, Command, EndedHold, Loaded, Outcome, Reason, Refusal, Resolution,
        SettledHold, StoredHold, Wallet, WalletChange,
    },
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet};

/// Carries out `commands` in the caller's transaction, in their order. A command that is refused leaves no trace and does
/// not disturb the others.
pub(crate) async fn run<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
    commands: Vec<Command<Completion>>,
) -> Result<Vec<Result<Outcome, Refusal>>, DbErr> {
    let accounts: BTreeSet<i64> = commands.iter().map(|command| command.account_id().0).collect();
    // The wallet's lock is the account's: whatever else belongs to the account is read under it.
    let wallets = lock_wallets(db, accounts).await?;
    let holds = load_holds(db, &commands).await?;
    let sources = load_sources(db, &commands).await?;
    let key_uses = admission::load_key_uses(db, &commands, &holds).await?;
    let bound = admission::load_bound(db, &commands).await?;
    let allowances = tell::load_allowances(db, &commands, &wallets).await?;
    let mut book = Book::new(now, Loaded { wallets, holds, sources, key_uses, bound, allowances });
    let outcomes = commands.into_iter().map(|command| book.apply(command)).collect();
    write(db, now, book.into_changes()).await?;
    Ok(outcomes)
}

/// Locks wallets in the order of their accounts, so that two transactions never wait for each other. (SQLite holds its
/// one write lock already, and knows no `FOR UPDATE`.)
async fn lock_wallets<C: ConnectionTrait>(db: &C, accounts: BTreeSet<i64>) -> Result<Vec<Wallet>, DbErr> {
    let query = wallet::Entity::find()
        .filter(wallet::Column::AccountId.is_in(accounts))
        .order_by_asc(wallet::Column::AccountId)
        .lock_exclusive();
    let rows = query.all(db).await?;
    let wallets = rows.into_iter().map(rows::wallet_from);
    wallets.collect::<Result<_, _>>().map_err(|error| DbErr::Custom(error.to_string()))
}

/// The holds that are to be ended, or whose charges are to go back. What is to be ended as lost is locked first: whoever keeps a job takes the same lock, so
/// that a job is found here, or its keeper finds the hold ended.
async fn load_holds<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
) -> Result<BTreeMap<(AccountId, GenerationId), StoredHold>, DbErr> {
    let (mut named, mut lost) = (Condition::any(), Condition::any());
    for command in commands {
        if let Command::RefundCharge { account_id, generation_id } = command {
            named = named.add(generation_is(*account_id, *generation_id));
        }
        let Command::Resolve(ended) = command else { continue };
        named = named.add(generation_is(ended.account_id, ended.generation_id));
        if matches!(ended.resolution, Resolution::Lost(_)) {
            lost = lost.add(job_is(ended.account_id, ended.generation_id));
        }
    }
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = generation::Entity::find().filter(named);
    if lost.is_empty() {
        return Ok(query.all(db).await?.iter().map(rows::stored_hold).collect());
    }
    let rows = query.order_by_asc(generation::Column::Id).lock_exclusive().all(db).await?;
    let mut holds: BTreeMap<_, _> = rows.iter().map(rows::stored_hold).collect();
    for job in job::Entity::find().filter(lost).all(db).await? {
        if let Some(hold) = holds.get_mut(&(AccountId(job.account_id), GenerationId(job.generation_id))) {
            hold.runs_as_job = true;
        }
    }
    Ok(holds)
}

fn job_is(account_id: AccountId, generation_id: GenerationId) -> Condition {
    Condition::all()
        .add(job::Column::AccountId.eq(account_id.0))
        .add(job::Column::GenerationId.eq(generation_id.0))
}

fn generation_is(account_id: AccountId, generation_id: GenerationId) -> Condition {
    Condition::all()
        .add(generation::Column::AccountId.eq(account_id.0))
        .add(generation::Column::Id.eq(generation_id.0))
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
    changes: Changes<Completion>,
) -> Result<(), DbErr> {
    for change in &changes.wallets {
        write_wallet(db, change).await?;
    }
    if !changes.holds.is_empty() {
        admission::write_bindings(db, &changes.holds).await?;
        let rows = changes.holds.into_iter().map(rows::generation_row);
        generation::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    let mut contents = Vec::new();
    admission::write_key_uses(db, changes.key_uses).await?;
    for settled in changes.resolutions {
        contents.extend(write_resolution(db, settled).await?);
    }
    for refund in changes.refunds {
        write_refund(db, refund).await?;
    }
    if !contents.is_empty() {
        generation_content::Entity::insert_many(contents).exec_without_returning(db).await?;
    }
    tell::write_notices(db, now, changes.notices).await?;
    if !changes.cycles.is_empty() {
        let rows = changes.cycles.into_iter().map(rows::cycle_row);
        cycle::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    if !changes.entries.is_empty() {
        let rows = changes.entries.iter().map(rows::entry_row);
        ledger_entry::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// The write admits the change itself: it happens only if the wallet still holds what the decision was made on.
async fn write_wallet<C: ConnectionTrait>(db: &C, change: &WalletChange) -> Result<(), DbErr> {
    let before = rows::wallet_row(&change.before);
    let same_cycle = match before.cycle_id {
        Some(id) => wallet::Column::CycleId.eq(id),
        None => wallet::Column::CycleId.is_null(),
    };
    let mut after = rows::wallet_row(&change.after).into_active_model().reset_all();
    after.account_id = sea_orm::ActiveValue::NotSet;
    let written = wallet::Entity::update_many()
        .set(after)
        .filter(wallet::Column::AccountId.eq(before.account_id))
        .filter(wallet::Column::PlanAvailable.eq(before.plan_available))
        .filter(wallet::Column::PermanentAvailable.eq(before.permanent_available))
        .filter(wallet::Column::PlanHeld.eq(before.plan_held))
        .filter(wallet::Column::PermanentHeld.eq(before.permanent_held))
        .filter(wallet::Column::OwedTokens.eq(before.owed_tokens))
        .filter(wallet::Column::HourStartedAtMs.eq(before.hour_started_at_ms))
        .filter(wallet::Column::HourCount.eq(before.hour_count))
        .filter(wallet::Column::DayStartedAtMs.eq(before.day_started_at_ms))
        .filter(wallet::Column::DayCount.eq(before.day_count))
        .filter(same_cycle)
        .exec(db)
        .await?;
    exactly_one(written.rows_affected)
}

/// Ends a hold's row, which must still be pending. Gives back the contents to store of one that completed.
async fn write_resolution<C: ConnectionTrait>(
    db: &C,
    settled: SettledHold<Completion>,
) -> Result<Option<generation_content::ActiveModel>, DbErr> {
    let EndedHold { account_id, generation_id, ended_at, resolution } = settled.ended;
    let mut row = generation::ActiveModel {
        completed_at_ms: Set(Some(ended_at.unix_ms())),
        balance_tokens: Set(Some(settled.balance_tokens)),
        ..Default::default()
    };
    let content = match resolution {
        Resolution::Completed(completion) => {
            row.status = Set("completed".to_owned());
            row.result_metadata = Set(Some(completion.result_metadata));
            // Where nobody knows what it cost, what it may have cost stays on the vendor's bill.
            if completion.vendor_cost_micro_usd.is_some() {
                row.vendor_cost_micro_usd = Set(completion.vendor_cost_micro_usd);
            }
            crate::files::keep(db, account_id, completion.files, ended_at).await?;
            Some(generation_content::ActiveModel {
                account_id: Set(account_id.0),
                generation_id: Set(generation_id.0),
                prompt: Set(completion.prompt.as_deref().map(str::to_owned)),
                result_text: Set(completion.result_text.as_deref().map(str::to_owned)),
                result_file: Set(completion.result_file),
                thumbnail_file: Set(completion.thumbnail_file),
                expires_at_ms: Set(completion.expires_at.map(Timestamp::unix_ms)),
            })
        }
        Resolution::Failed(failure) | Resolution::Lost(failure) => {
            row.status = Set("failed".to_owned());
            row.error_code = Set(Some(failure.error_code));
            row.error_message = Set(Some(failure.message));
            row.error_details = Set(failure.details);
            // What it may have cost stays on the vendor's bill otherwise.
            if failure.is_free {
                row.vendor_cost_micro_usd = Set(None);
            }
            None
        }
    };
    let written = generation::Entity::update_many()
        .set(row)
        .filter(generation_is(account_id, generation_id))
        .filter(generation::Column::Status.eq("pending"))
        .exec(db)
        .await?;
    exactly_one(written.rows_affected)?;
    Ok(content)
}

/// Notes on a generation what has come back of its charge, once.
async fn write_refund<C: ConnectionTrait>(db: &C, refund: ChargeRefund) -> Result<(), DbErr> {
    let row = generation::ActiveModel { refunded_tokens: Set(Some(refund.tokens)), ..Default::default() };
    let written = generation::Entity::update_many()
        .set(row)
        .filter(generation_is(refund.account_id, refund.generation_id))
        .filter(generation::Column::Status.eq("completed"))
        .filter(generation::Column::RefundedTokens.is_null())
        .exec(db)
        .await?;
    exactly_one(written.rows_affected)
}

fn exactly_one(rows_affected: u64) -> Result<(), DbErr> {
    if rows_affected == 1 { Ok(()) } else { Err(DbErr::RecordNotUpdated) }
}
