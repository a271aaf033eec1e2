//! What holds are admitted by besides the balance. Nothing of it is read for requests without a budget and without a name.

use super::{Completion, rows};
use crate::{
    bindings::bound_from,
    entity::{idempotency_key, key_use},
};
use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{Bound, Command, KeyUse, Resolution, StoredHold},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter};
use std::collections::{BTreeMap, BTreeSet};

/// What keys have used that are to hold under a budget, or whose holds may come back.
pub(super) async fn load_key_uses<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
    holds: &BTreeMap<(AccountId, GenerationId), StoredHold>,
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
        .collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let any = keys.into_iter().fold(Condition::any(), |any, (account_id, key_id)| {
        any.add(key_use::Column::AccountId.eq(account_id.0).and(key_use::Column::KeyId.eq(key_id.0)))
    });
    let rows = key_use::Entity::find().filter(any).all(db).await?;
    Ok(rows.iter().map(rows::key_use_from).collect())
}

/// What stands under the names that requests bear.
pub(super) async fn load_bound<C: ConnectionTrait>(
    db: &C,
    commands: &[Command<Completion>],
) -> Result<BTreeMap<(AccountId, String), Bound>, DbErr> {
    let mut any = Condition::any();
    for command in commands {
        let Command::Hold(hold) = command else { continue };
        let Some(binding) = &hold.binding else { continue };
        let is_its = idempotency_key::Column::AccountId.eq(hold.account_id.0);
        any = any.add(is_its.and(idempotency_key::Column::Key.eq(binding.key.as_str())));
    }
    if any.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = idempotency_key::Entity::find().filter(any).all(db).await?;
    let bound = rows.into_iter().map(|row| {
        let key = (AccountId(row.account_id), row.key.clone());
        Ok((key, bound_from(&row)?))
    });
    bound.collect()
}
