//! Wallets as a batch leaves them, written only where they still are what it was decided on.

use super::{Piece, rows};
use crate::{
    entity::wallet,
    rowset::{self, Column, Rows},
};
use domain::ledger::{Wallet, WalletChange};
use sea_orm::Value;

const ACCOUNT: &str = "account_id";

/// A number of a wallet: its column, what the column is called as the decision found it, and the number itself.
type Number = (&'static str, &'static str, fn(&Wallet) -> i64);

/// What generations move in a wallet.
const MOVED: [Number; 9] = [
    ("plan_available", "was_plan_available", |wallet| wallet.plan_available),
    ("permanent_available", "was_permanent_available", |wallet| wallet.permanent_available),
    ("plan_held", "was_plan_held", |wallet| wallet.plan_held),
    ("permanent_held", "was_permanent_held", |wallet| wallet.permanent_held),
    ("owed_tokens", "was_owed_tokens", |wallet| wallet.owed_tokens),
    ("hour_started_at_ms", "was_hour_started_at_ms", |wallet| wallet.rate.hour.started_at.unix_ms()),
    ("hour_count", "was_hour_count", |wallet| wallet.rate.hour.count),
    ("day_started_at_ms", "was_day_started_at_ms", |wallet| wallet.rate.day.started_at.unix_ms()),
    ("day_count", "was_day_count", |wallet| wallet.rate.day.count),
];
/// What a decision depends on besides. (`cycle_plan_until_ms` is none of it, and is not written where only tokens move.) Ids begin
/// at 1, so that 0 is no cycle's.
const SEEN: [Number; 4] = [
    ("cycle_id", "was_cycle_id", |wallet| wallet.cycle.as_ref().map_or(0, |cycle| cycle.id.0)),
    ("cycle_ends_at_ms", "was_cycle_ends_at_ms", |wallet| {
        wallet.cycle.as_ref().map_or(0, |cycle| cycle.ends_at.unix_ms())
    }),
    ("listens", "was_listens", |wallet| i64::from(wallet.listens)),
    ("is_closed", "was_is_closed", |wallet| i64::from(wallet.is_closed)),
];

/// Whether only what generations move has changed.
pub(in crate::ledger) fn only_moves(WalletChange { before, after }: &WalletChange) -> bool {
    before.cycle == after.cycle && before.listens == after.listens && before.is_closed == after.is_closed
}

/// How they are written: those of which only tokens and the windows of limits have changed, nearly all, and whole ones.
pub(super) fn pieces(changes: &[WalletChange]) -> [Option<Piece>; 2] {
    let (moved, whole): (Vec<_>, Vec<_>) = changes.iter().partition(|change| only_moves(change));
    let moving = [ACCOUNT].into_iter().chain(MOVED.map(|(name, ..)| name)).map(Column::number).collect();
    let moved_to = |wallet: &Wallet| {
        let numbers = MOVED.map(|(_, _, number)| number(wallet));
        [wallet.account_id.0].into_iter().chain(numbers).map(Value::from).collect()
    };
    let all = rowset::columns_of::<wallet::Entity>().collect();
    let whole_row = |wallet: &Wallet| rowset::cells_of::<wallet::Entity>(&rows::wallet_row(wallet));
    [update(moving, moved_to, &moved), update(all, whole_row, &whole)]
}

/// An update of `columns` of wallets to what `cells` makes of what they are to be, all of which must be as they were.
fn update(
    columns: Vec<Column>,
    cells: impl Fn(&Wallet) -> Vec<Value>,
    changes: &[&WalletChange],
) -> Option<Piece> {
    if changes.is_empty() {
        return None;
    }
    let seen = || MOVED.into_iter().chain(SEEN);
    let names = columns.iter().map(|column| column.name()).filter(|name| *name != ACCOUNT);
    let set = names.map(|name| format!("{name} = v.{name}")).collect::<Vec<_>>().join(", ");
    let guards = seen().map(|(name, was, _)| format!("coalesce(wallets.{name}, 0) = v.{was}"));
    let guards = guards.collect::<Vec<_>>().join(" AND ");
    let sql =
        format!("UPDATE wallets SET {set} FROM {{v}} WHERE wallets.{ACCOUNT} = v.{ACCOUNT} AND {guards}");
    let columns = columns.into_iter().chain(seen().map(|(_, was, _)| Column::number(was)));
    let rows = changes.iter().map(|WalletChange { before, after }| {
        cells(after).into_iter().chain(seen().map(|(_, _, number)| number(before).into()))
    });
    Some(Piece { rows: Rows::new(columns, rows), sql, is_guarded: true })
}
