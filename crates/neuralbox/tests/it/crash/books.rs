//! What the service says of an account at the end.

use super::shop::{Account, Shop};
use domain::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// An account's books, as it reads them over the API.
#[derive(Debug)]
pub(super) struct Books {
    /// Generations by id.
    pub(super) generations: BTreeMap<i64, Generation>,
    pub(super) entries: Vec<Entry>,
    /// The status of payments, by id.
    pub(super) payments: BTreeMap<i64, String>,
    /// NeuralBox tokens that are free to spend.
    pub(super) balance_tokens: i64,
    pub(super) held_tokens: i64,
}

/// A generation in the history.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) model: String,
    pub(super) status: String,
    pub(super) tokens_spent: i64,
    pub(super) created_at_ms: i64,
    pub(super) completed_at_ms: Option<i64>,
    /// Where its result can be fetched, where that is a file.
    pub(super) file: Option<String>,
}

/// A movement.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) reason: String,
    pub(super) source_id: i64,
    pub(super) debit: String,
    pub(super) credit: String,
    pub(super) amount_tokens: i64,
}

impl Books {
    /// Reads all there is; `None` when that takes too long.
    pub(super) async fn read(shop: &Shop, account: &Account) -> Option<Self> {
        let ledger = shop.read("/billing/ledger", &account.key).await?;
        let balance = shop.read("/user/balance", &account.key).await?;
        Some(Self {
            generations: generations(shop, account).await?,
            entries: items(&ledger).map(Entry::read).collect(),
            payments: payments(shop, account).await?,
            balance_tokens: balance["token_balance"].as_i64()?,
            held_tokens: balance["held_tokens"].as_i64()?,
        })
    }

    /// What was charged for a generation, bucket by bucket.
    pub(super) fn charges(&self, id: i64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.reason == "charge" && entry.source_id == id)
    }
}

/// The whole history, page by page.
async fn generations(shop: &Shop, account: &Account) -> Option<BTreeMap<i64, Generation>> {
    let mut all = BTreeMap::new();
    let mut before = String::new();
    loop {
        let page = shop.read(&format!("/user/history?limit=100{before}"), &account.key).await?;
        let Some(last) = items(&page).last() else { return Some(all) };
        before = format!("&before={}", last["id"]);
        all.extend(items(&page).map(|item| (number(item, "id"), Generation::read(item))));
    }
}

async fn payments(shop: &Shop, account: &Account) -> Option<BTreeMap<i64, String>> {
    let mut all = BTreeMap::new();
    for number_of_page in 1.. {
        let page =
            shop.read(&format!("/billing/payments?limit=100&page={number_of_page}"), &account.key).await?;
        if items(&page).next().is_none() {
            break;
        }
        all.extend(items(&page).map(|item| (number(item, "id"), text(item, "status"))));
    }
    Some(all)
}

pub(super) fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().expect("a list").iter()
}

fn number(item: &Value, field: &str) -> i64 {
    item[field].as_i64().unwrap_or_else(|| panic!("{field} of {item}"))
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_else(|| panic!("{field} of {item}")).to_owned()
}

fn instant(item: &Value, field: &str) -> Option<i64> {
    item[field].as_str().and_then(Timestamp::parse).map(Timestamp::unix_ms)
}

impl Generation {
    fn read(item: &Value) -> Self {
        Self {
            model: text(item, "model_slug"),
            status: text(item, "status"),
            tokens_spent: number(item, "tokens_spent"),
            created_at_ms: instant(item, "created_at").expect("an instant"),
            completed_at_ms: instant(item, "completed_at"),
            file: item["result_url"].as_str().map(str::to_owned),
        }
    }
}

impl Entry {
    fn read(item: &Value) -> Self {
        Self {
            reason: text(item, "reason"),
            source_id: number(item, "source_id"),
            debit: text(item, "debit"),
            credit: text(item, "credit"),
            amount_tokens: number(item, "amount_tokens"),
        }
    }
}
