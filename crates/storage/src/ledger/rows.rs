//! Between rows and the ledger's own types.

use super::Completion;
use crate::{
    Error,
    entity::{cycle, generation, generation_content, key_use, ledger_entry, wallet},
};
use domain::{
    id::{AccountId, CycleId, GenerationId, KeyId},
    ledger::{
        Cycle, Entry, KeyUse, KeyUseChange, NewHold, OpenCycle, RateWindow, RateWindows, Split, StoredHold,
        Wallet,
    },
    time::{Month, Timestamp},
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, Statement,
};

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

/// What ending a hold takes of its row.
#[derive(FromQueryResult)]
pub(super) struct HoldRow {
    account_id: i64,
    id: i64,
    key_id: i64,
    status: String,
    plan_tokens: i64,
    permanent_tokens: i64,
    cycle_id: Option<i64>,
    key_month: Option<i64>,
    webhook_url: Option<String>,
    refunded_tokens: Option<i64>,
}

impl HoldRow {
    /// Its columns, of the table under the name `g`.
    pub(super) const COLUMNS: &str =
        "g.account_id, g.id, g.key_id, g.status, g.plan_tokens, g.permanent_tokens,
        g.cycle_id, g.key_month, g.webhook_url, g.refunded_tokens";

    pub(super) fn into_hold(self) -> ((AccountId, GenerationId), StoredHold) {
        let completed = match self.status.as_str() {
            "pending" => None,
            status => Some(status == "completed"),
        };
        let hold = StoredHold {
            split: Split { plan_tokens: self.plan_tokens, permanent_tokens: self.permanent_tokens },
            cycle_id: self.cycle_id.map(CycleId),
            completed,
            key_month: self.key_month.map(|month| (KeyId(self.key_id), Month(month))),
            runs_as_job: false,
            is_called_back: self.webhook_url.is_some(),
            refunded_tokens: self.refunded_tokens,
        };
        ((AccountId(self.account_id), GenerationId(self.id)), hold)
    }
}

pub(super) fn generation_row(hold: NewHold) -> generation::Model {
    generation::Model {
        account_id: hold.request.account_id.0,
        id: hold.request.generation_id.0,
        // Ids begin at 1, so that 0 is no key's.
        key_id: hold.request.key_id.map_or(0, |id| id.0),
        model_slug: hold.request.model_slug,
        category: hold.request.category.name().to_owned(),
        status: "pending".to_owned(),
        price_tokens: hold.request.price_tokens,
        plan_tokens: hold.split.plan_tokens,
        permanent_tokens: hold.split.permanent_tokens,
        cycle_id: hold.cycle_id.map(|id| id.0),
        node_id: hold.request.node_id.0,
        created_at_ms: hold.request.created_at.unix_ms(),
        deadline_at_ms: hold.request.deadline_at.unix_ms(),
        completed_at_ms: None,
        error_code: None,
        error_message: None,
        vendor_cost_micro_usd: hold.request.vendor_cost_micro_usd,
        result_metadata: None,
        error_details: None,
        key_month: hold.key_month.map(|month| month.0),
        held_balance_tokens: Some(hold.balance_tokens),
        balance_tokens: None,
        webhook_url: hold.request.webhook_url,
        refunded_tokens: None,
    }
}

/// What a completed generation leaves besides its charge.
pub(super) fn content_row(
    account_id: AccountId,
    generation_id: GenerationId,
    completion: &Completion,
) -> generation_content::Model {
    generation_content::Model {
        account_id: account_id.0,
        generation_id: generation_id.0,
        prompt: completion.prompt.as_deref().map(str::to_owned),
        result_text: completion.result_text.as_deref().map(str::to_owned),
        result_file: completion.result_file.clone(),
        thumbnail_file: completion.thumbnail_file.clone(),
        expires_at_ms: completion.expires_at.map(Timestamp::unix_ms),
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

pub(super) fn entry_row(entry: &Entry) -> ledger_entry::Model {
    ledger_entry::Model {
        account_id: entry.account_id.0,
        reason: entry.reason.name().to_owned(),
        source_id: entry.source_id,
        debit: entry.debit.name().to_owned(),
        credit: entry.credit.name().to_owned(),
        amount_tokens: entry.amount_tokens,
        created_at_ms: entry.created_at.unix_ms(),
    }
}
