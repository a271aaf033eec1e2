//! Wallets as a batch leaves them, written only where they still are what it was decided on.

use super::{Piece, rows};
use crate::{entity::wallet, rowset};
use domain::ledger::{Wallet, WalletChange};
use sea_orm::DbErr;
use serde::Serialize;

const ACCOUNT: &str = "account_id";
/// What generations move in a wallet.
const MOVED: [&str; 9] = [
    "plan_available",
    "permanent_available",
    "plan_held",
    "permanent_held",
    "owed_tokens",
    "hour_started_at_ms",
    "hour_count",
    "day_started_at_ms",
    "day_count",
];
/// What a decision depends on besides. (`cycle_plan_until_ms` is none of it, and is not written where only tokens move.)
const SEEN: [&str; 4] = ["cycle_id", "cycle_ends_at_ms", "listens", "is_closed"];

/// A wallet as the decision found it.
#[derive(Serialize)]
struct Before {
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
    was_cycle_ends_at_ms: i64,
    was_listens: i64,
    was_is_closed: i64,
}

impl Before {
    fn of(wallet: &Wallet) -> Self {
        let rate = &wallet.rate;
        Self {
            was_plan_available: wallet.plan_available,
            was_permanent_available: wallet.permanent_available,
            was_plan_held: wallet.plan_held,
            was_permanent_held: wallet.permanent_held,
            was_owed_tokens: wallet.owed_tokens,
            was_hour_started_at_ms: rate.hour.started_at.unix_ms(),
            was_hour_count: rate.hour.count,
            was_day_started_at_ms: rate.day.started_at.unix_ms(),
            was_day_count: rate.day.count,
            // Ids begin at 1, so that 0 is no cycle's.
            was_cycle_id: wallet.cycle.as_ref().map_or(0, |cycle| cycle.id.0),
            was_cycle_ends_at_ms: wallet.cycle.as_ref().map_or(0, |cycle| cycle.ends_at.unix_ms()),
            was_listens: i64::from(wallet.listens),
            was_is_closed: i64::from(wallet.is_closed),
        }
    }
}

/// A wallet of which all may have changed.
#[derive(Serialize)]
struct WholeRow {
    #[serde(flatten)]
    after: wallet::Model,
    #[serde(flatten)]
    before: Before,
}

/// A wallet of which only the tokens and the windows of its limits have changed: nearly every one.
#[derive(Serialize)]
struct MovedRow {
    account_id: i64,
    plan_available: i64,
    permanent_available: i64,
    plan_held: i64,
    permanent_held: i64,
    owed_tokens: i64,
    hour_started_at_ms: i64,
    hour_count: i64,
    day_started_at_ms: i64,
    day_count: i64,
    #[serde(flatten)]
    before: Before,
}

/// Whether only what generations move has changed.
pub(in crate::ledger) fn only_moves(WalletChange { before, after }: &WalletChange) -> bool {
    before.cycle == after.cycle && before.listens == after.listens && before.is_closed == after.is_closed
}

pub(super) fn pieces(changes: &[WalletChange]) -> Result<[Option<Piece>; 2], DbErr> {
    let (moved, whole): (Vec<_>, Vec<_>) = changes.iter().partition(|change| only_moves(change));
    let moved: Vec<_> = moved.into_iter().map(moved_row).collect();
    let whole: Vec<_> = whole.into_iter().map(whole_row).collect();
    let mut all = rowset::names_of::<wallet::Entity>();
    all.retain(|name| *name != ACCOUNT);
    Ok([update(&moved, &MOVED)?, update(&whole, &all)?])
}

/// An update of `names` in the wallets of `rows`, all of which must be as they were.
fn update<R: Serialize>(rows: &[R], names: &[&str]) -> Result<Option<Piece>, DbErr> {
    if rows.is_empty() {
        return Ok(None);
    }
    let seen = || MOVED.into_iter().chain(SEEN);
    let set: Vec<_> = names.iter().map(|name| format!("{name} = v.{name}")).collect();
    let guards: Vec<_> = seen().map(|name| format!("coalesce(wallets.{name}, 0) = v.was_{name}")).collect();
    let (set, guards) = (set.join(", "), guards.join(" AND "));
    let sql =
        format!("UPDATE wallets SET {set} FROM {{v}} WHERE wallets.{ACCOUNT} = v.{ACCOUNT} AND {guards}");
    let mut columns = vec![(ACCOUNT.to_owned(), true)];
    columns.extend(names.iter().map(|name| ((*name).to_owned(), *name != "cycle_plan")));
    columns.extend(seen().map(|name| (format!("was_{name}"), true)));
    let expected = i64::try_from(rows.len()).ok();
    Ok(Some(Piece { columns, document: rowset::document(rows)?, sql, expected }))
}

fn whole_row(change: &WalletChange) -> WholeRow {
    WholeRow { after: rows::wallet_row(&change.after), before: Before::of(&change.before) }
}

fn moved_row(WalletChange { before, after }: &WalletChange) -> MovedRow {
    MovedRow {
        account_id: after.account_id.0,
        plan_available: after.plan_available,
        permanent_available: after.permanent_available,
        plan_held: after.plan_held,
        permanent_held: after.permanent_held,
        owed_tokens: after.owed_tokens,
        hour_started_at_ms: after.rate.hour.started_at.unix_ms(),
        hour_count: after.rate.hour.count,
        day_started_at_ms: after.rate.day.started_at.unix_ms(),
        day_count: after.rate.day.count,
        before: Before::of(before),
    }
}
