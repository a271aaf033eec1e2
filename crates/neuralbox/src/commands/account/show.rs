//! An account as operators see it.

use crate::commands::payments::show::{PAYMENT_COLUMNS, fields, payment, subscription, table};
use app::{AccountOverview, KeyRecord};
use domain::time::Timestamp;
use serde_json::{Value, json};

/// The columns of keys in a table.
const KEY_COLUMNS: [&str; 6] = ["id", "prefix", "name", "created_at", "last_used_at", "state"];

pub(super) fn overview(found: &AccountOverview, now: Timestamp) -> Value {
    let AccountOverview { account, wallet, .. } = found;
    let state = match (account.erased_at, account.suspended_at) {
        (Some(_), _) => "erased",
        (None, Some(_)) => "suspended",
        (None, None) => "active",
    };
    json!({
        "id": account.id,
        "state": state,
        "email": account.email,
        "name": account.name,
        "telegram_id": account.telegram_id,
        "telegram_username": account.telegram_username,
        "created_at": account.created_at,
        "suspended_at": account.suspended_at,
        "erased_at": account.erased_at,
        "plan": found.plan,
        "cycle": wallet.cycle.as_ref().map(|cycle| json!({
            "id": cycle.id,
            "plan": cycle.plan,
            "starts_at": cycle.starts_at,
            "ends_at": cycle.ends_at,
        })),
        "token_balance": found.token_balance,
        "plan_tokens": wallet.spendable_plan_tokens(now),
        "permanent_tokens": wallet.permanent_available,
        "held_tokens": wallet.plan_held.saturating_add(wallet.permanent_held),
        "owed_tokens": wallet.owed_tokens,
        "subscription": found.subscription.as_ref().map(subscription),
        "keys": Value::from_iter(found.keys.iter().map(|key| row(key, now))),
        "payments": Value::from_iter(found.payments.iter().map(payment)),
    })
}

fn row(key: &KeyRecord, now: Timestamp) -> Value {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        (None, _) => "valid",
    };
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "monthly_budget": key.monthly_budget_tokens,
        "state": state,
    })
}

/// The same for people: what the account is, and tables of its keys and payments.
pub(super) fn in_words(data: &Value) -> String {
    let mut about = data.clone();
    let lists = about.as_object_mut().map(|about| (about.remove("keys"), about.remove("payments")));
    let (keys, payments) = lists.unwrap_or_default();
    format!(
        "{}\n\nkeys\n{}\n\nlast payments\n{}",
        fields(&about),
        table(&keys.unwrap_or_default(), &KEY_COLUMNS, "there are none"),
        table(&payments.unwrap_or_default(), &PAYMENT_COLUMNS, "there are none"),
    )
}
