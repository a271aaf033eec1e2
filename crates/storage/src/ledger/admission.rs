//! What holds are admitted by besides the balance. Nothing of it is read for requests without a budget and without a name.

use super::{Completion, rows};
use crate::{
    bindings::bound_from,
    entity::{idempotency_key, key_use},
    rowset::{self, Column, Rows},
};
use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{Bound, Command, KeyUse, Resolution, StoredHold},
};
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::{BTreeMap, BTreeSet};

/// What keys have used that are to hold under a budget, or whose holds may come back, but for those that are `known`.
pub(super) async fn load_key_uses<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
    holds: &BTreeMap<(AccountId, GenerationId), StoredHold>,
    known: &BTreeMap<(AccountId, KeyId), KeyUse>,
) -> Result<BTreeMap<(AccountId, KeyId), KeyUse>, DbErr> {
    let keys: BTreeSet<(AccountId, KeyId)> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Hold(hold) => {
                hold.key_id.filter(|_| hold.key_budget_tokens.is_some()).map(|id| (hold.account_id, id))
            }
            Command::Resolve(ended) if !matches!(ended.resolution, Resolution::Completed(_)) => {
                let hold = holds.get(&(ended.account_id, ended.generation_id))?;
                hold.key_month.map(|(key_id, _)| (ended.account_id, key_id))
            }
            _ => None,
        })
        .filter(|key| !known.contains_key(key))
        .collect();
    let keys = keys.into_iter().map(|(account_id, key_id)| [account_id.0.into(), key_id.0.into()]);
    let keys = Rows::new([Column::number("account_id"), Column::number("key_id")], keys);
    Ok(rowset::find::<key_use::Entity>(db, keys).await?.iter().map(rows::key_use_from).collect())
}

/// What stands under the names that requests bear.
pub(super) async fn load_bound<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
) -> Result<BTreeMap<(AccountId, String), Bound>, DbErr> {
    let names = commands.iter().filter_map(|command| {
        let Command::Hold(hold) = command else { return None };
        Some([hold.account_id.0.into(), hold.binding.as_ref()?.key.as_str().into()])
    });
    let names = Rows::new([Column::number("account_id"), Column::text("key")], names);
    let rows = rowset::find::<idempotency_key::Entity>(db, names).await?;
    let bound = rows.into_iter().map(|row| {
        let key = (AccountId(row.account_id), row.key.clone());
        Ok((key, bound_from(&row)?))
    });
    bound.collect()
}
