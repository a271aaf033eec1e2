//! Between rows and the ledger's own types.

use crate::{
    Error,
    entity::{cycle, generation, key_use, ledger_entry, wallet},
};
use domain::{
    id::{AccountId, CycleId, GenerationId, KeyId},
    ledger::{
        Cycle, Entry, KeyUse, KeyUseChange, NewHold, OpenCycle, RateWindow, RateWindows, Split, StoredHold,
        Wallet,
    },
    time::{Month, Timestamp},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Statement};

pub(crate) fn wallet_from(row: wallet::Model) -> Result<Wallet, Error> {
    let cycle = match (row.cycle_id, row.cycle_plan, row.cycle_starts_at_ms, row.cycle_ends_at_ms) {
        (None, None, None, None) => None,
        (Some(id), Some(plan), Some(starts_at_ms), Some(ends_at_ms)) => Some(Cycle {
            id: CycleId(id),
            plan,
            starts_at: Timestamp::from_unix_ms(starts_at_ms),
            ends_at: Timestamp::from_unix_ms(ends_at_ms),
            plan_until: Timestamp::from_unix_ms(row.cycle_plan_until_ms.unwrap_or(ends_at_ms)),
        }),
        _ => return Err(Error::BadRow(format!("wallets, account {}", row.account_id))),
    };
    Ok(Wallet {
        account_id: AccountId(row.account_id),
        plan_available: row.plan_available,
        permanent_available: row.permanent_available,
        plan_held: row.plan_held,
        permanent_held: row.permanent_held,
        owed_tokens: row.owed_tokens,
        cycle,
        rate: RateWindows {
            hour: rate_window(row.hour_started_at_ms, row.hour_count),
            day: rate_window(row.day_started_at_ms, row.day_count),
        },
        listens: row.listens == 1,
        is_closed: row.is_closed == 1,
    })
}

const fn rate_window(started_at_ms: i64, count: i64) -> RateWindow {
    RateWindow { started_at: Timestamp::from_unix_ms(started_at_ms), count }
}

pub(super) fn wallet_row(wallet: &Wallet) -> wallet::Model {
    let cycle = wallet.cycle.as_ref();
    wallet::Model {
        account_id: wallet.account_id.0,
        plan_available: wallet.plan_available,
        permanent_available: wallet.permanent_available,
        plan_held: wallet.plan_held,
        permanent_held: wallet.permanent_held,
        cycle_id: cycle.map(|cycle| cycle.id.0),
        cycle_plan: cycle.map(|cycle| cycle.plan.clone()),
        cycle_starts_at_ms: cycle.map(|cycle| cycle.starts_at.unix_ms()),
        cycle_ends_at_ms: cycle.map(|cycle| cycle.ends_at.unix_ms()),
        cycle_plan_until_ms: cycle.map(|cycle| cycle.plan_until.unix_ms()),
        owed_tokens: wallet.owed_tokens,
        hour_started_at_ms: wallet.rate.hour.started_at.unix_ms(),
        hour_count: wallet.rate.hour.count,
        day_started_at_ms: wallet.rate.day.started_at.unix_ms(),
        day_count: wallet.rate.day.count,
        listens: i64::from(wallet.listens),
        is_closed: i64::from(wallet.is_closed),
    }
}

/// Gives a new account its wallet, without tokens.
pub(crate) async fn insert_empty_wallet<C: ConnectionTrait>(
    db: &C,
    account_id: AccountId,
) -> Result<(), DbErr> {
    let row = wallet_row(&Wallet::empty(account_id)).into_active_model();
    wallet::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Closes an account's wallet: nothing is begun from it any more.
pub(crate) async fn close_wallet<C: ConnectionTrait>(db: &C, account_id: AccountId) -> Result<(), DbErr> {
    let sql = "UPDATE wallets SET is_closed = 1 WHERE account_id = $1";
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [account_id.0.into()]))
        .await?;
    Ok(())
}

pub(super) fn stored_hold(row: &generation::Model) -> ((AccountId, GenerationId), StoredHold) {
    let split = Split { plan_tokens: row.plan_tokens, permanent_tokens: row.permanent_tokens };
    let completed = match row.status.as_str() {
        "pending" => None,
        status => Some(status == "completed"),
    };
    let key_month = row.key_month.map(|month| (KeyId(row.key_id), Month(month)));
    let cycle_id = row.cycle_id.map(CycleId);
    let is_called_back = row.webhook_url.is_some();
    let refunded_tokens = row.refunded_tokens;
    let hold = StoredHold {
        split,
        cycle_id,
        completed,
        key_month,
        runs_as_job: false,
        is_called_back,
        refunded_tokens,
    };
    ((AccountId(row.account_id), GenerationId(row.id)), hold)
}

pub(super) fn generation_row(hold: NewHold) -> generation::ActiveModel {
    generation::ActiveModel {
        account_id: Set(hold.request.account_id.0),
        id: Set(hold.request.generation_id.0),
        // Ids begin at 1, so that 0 is no key's.
        key_id: Set(hold.request.key_id.map_or(0, |id| id.0)),
        model_slug: Set(hold.request.model_slug),
        category: Set(hold.request.category.name().to_owned()),
        status: Set("pending".to_owned()),
        price_tokens: Set(hold.request.price_tokens),
        plan_tokens: Set(hold.split.plan_tokens),
        permanent_tokens: Set(hold.split.permanent_tokens),
        cycle_id: Set(hold.cycle_id.map(|id| id.0)),
        node_id: Set(hold.request.node_id.0),
        created_at_ms: Set(hold.request.created_at.unix_ms()),
        deadline_at_ms: Set(hold.request.deadline_at.unix_ms()),
        completed_at_ms: Set(None),
        error_code: Set(None),
        error_message: Set(None),
        vendor_cost_micro_usd: Set(hold.request.vendor_cost_micro_usd),
        result_metadata: Set(None),
        error_details: Set(None),
        key_month: Set(hold.key_month.map(|month| month.0)),
        held_balance_tokens: Set(Some(hold.balance_tokens)),
        balance_tokens: Set(None),
        webhook_url: Set(hold.request.webhook_url),
        refunded_tokens: Set(None),
    }
}

pub(super) fn key_use_from(row: &key_use::Model) -> ((AccountId, KeyId), KeyUse) {
    let used = KeyUse { month: Month(row.month), used_tokens: row.used_tokens };
    ((AccountId(row.account_id), KeyId(row.key_id)), used)
}

pub(super) fn key_use_row(change: KeyUseChange) -> key_use::Model {
    key_use::Model {
        account_id: change.account_id.0,
        key_id: change.key_id.0,
        month: change.after.month.0,
        used_tokens: change.after.used_tokens,
    }
}

pub(super) fn cycle_row(open: OpenCycle) -> cycle::ActiveModel {
    cycle::ActiveModel {
        account_id: Set(open.account_id.0),
        id: Set(open.cycle.id.0),
        plan: Set(open.cycle.plan),
        allowance_tokens: Set(open.allowance_tokens),
        starts_at_ms: Set(open.cycle.starts_at.unix_ms()),
        ends_at_ms: Set(open.cycle.ends_at.unix_ms()),
        subscription_id: Set(open.paid_by.map(|paid| paid.subscription_id.0)),
        cycle_index: Set(open.paid_by.map(|paid| paid.cycle_index)),
        payment_id: Set(open.paid_by.map(|paid| paid.payment_id.0)),
    }
}

pub(super) fn entry_row(entry: &Entry) -> ledger_entry::ActiveModel {
    ledger_entry::ActiveModel {
        account_id: Set(entry.account_id.0),
        reason: Set(entry.reason.name().to_owned()),
        source_id: Set(entry.source_id),
        debit: Set(entry.debit.name().to_owned()),
        credit: Set(entry.credit.name().to_owned()),
        amount_tokens: Set(entry.amount_tokens),
        created_at_ms: Set(entry.created_at.unix_ms()),
    }
}
