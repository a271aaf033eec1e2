//! What is told of generations' ends. Nothing of it is read or written for accounts that nobody listens for.

use super::Completion;
use crate::{
    entity::cycle,
    rowset::{self, Column, Rows},
};
use domain::{
    id::{AccountId, CycleId},
    ledger::{Command, Wallet},
};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// What the cycles of those brought that listen, and whose generations end.
pub(super) async fn load_allowances<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
    wallets: &[Wallet],
) -> Result<BTreeMap<CycleId, i64>, DbErr> {
    let ending = commands.iter().filter(|command| matches!(command, Command::Resolve(_)));
    let ending: BTreeSet<AccountId> = ending.map(Command::account_id).collect();
    let listening = wallets
        .iter()
        .filter(|wallet| wallet.listens && ending.contains(&wallet.account_id))
        .filter_map(|wallet| Some([wallet.account_id.0.into(), wallet.cycle.as_ref()?.id.0.into()]));
    let running = Rows::new([Column::number("account_id"), Column::number("id")], listening);
    let rows = rowset::find::<cycle::Entity>(db, running).await?;
    Ok(rows.into_iter().map(|row| (CycleId(row.id), row.allowance_tokens)).collect())
}

/// Locks the account's wallet until the end of the transaction: who listens is changed by one at a time, and what is
/// settled from then on sees the change. `false` when there is no such account.
pub(crate) async fn lock_listens<C: ConnectionTrait>(db: &C, account_id: AccountId) -> Result<bool, DbErr> {
    let sql = "UPDATE wallets SET listens = 1 WHERE account_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [account_id.0.into()]);
    Ok(db.execute_raw(statement).await?.rows_affected() == 1)
}

/// Notes, under that lock, whether anybody listens.
pub(crate) async fn write_listens<C: ConnectionTrait>(db: &C, account_id: AccountId) -> Result<(), DbErr> {
    let sql = "UPDATE wallets SET listens = CASE WHEN EXISTS (
            SELECT 1 FROM webhook_endpoints WHERE account_id = $1 AND disabled_at_ms IS NULL
        ) THEN 1 ELSE 0 END WHERE account_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [account_id.0.into()]);
    db.execute_raw(statement).await?;
    Ok(())
}
