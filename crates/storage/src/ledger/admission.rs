//! What holds are admitted by besides the balance. Nothing of it is read for requests without a budget and without a name.

use super::{Completion, rows};
use crate::{
    bindings::bound_from,
    entity::{idempotency_key, key_use},
    rowset,
};
use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{Bound, Command, KeyUse, Resolution, StoredHold},
};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
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
    let keys =
        keys.into_iter().map(|(account_id, key_id)| Key { account_id: account_id.0, key_id: key_id.0 });
    let keys: Vec<_> = keys.collect();
    let rows =
        rowset::find::<key_use::Entity, _, _>(db, &[("account_id", true), ("key_id", true)], &keys).await?;
    Ok(rows.iter().map(rows::key_use_from).collect())
}

/// A key by its number.
#[derive(Serialize)]
struct Key {
    account_id: i64,
    key_id: i64,
}

/// A request by its name.
#[derive(Serialize)]
struct Name<'a> {
    account_id: i64,
    key: &'a str,
}

/// What stands under the names that requests bear.
pub(super) async fn load_bound<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
) -> Result<BTreeMap<(AccountId, String), Bound>, DbErr> {
    let names = commands.iter().filter_map(|command| {
        let Command::Hold(hold) = command else { return None };
        Some(Name { account_id: hold.account_id.0, key: hold.binding.as_ref()?.key.as_str() })
    });
    let names: Vec<_> = names.collect();
    let columns = [("account_id", true), ("key", false)];
    let rows = rowset::find::<idempotency_key::Entity, _, _>(db, &columns, &names).await?;
    let bound = rows.into_iter().map(|row| {
        let key = (AccountId(row.account_id), row.key.clone());
        Ok((key, bound_from(&row)?))
    });
    bound.collect()
}
