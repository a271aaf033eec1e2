//! What the database holds, read past the app.

use std::collections::BTreeMap;
use testkit::Auditor;

/// A row, by its columns' names.
#[derive(Clone, Debug)]
pub(super) struct Row {
    columns: &'static [&'static str],
    cells: Vec<String>,
}

impl Row {
    pub(super) fn text(&self, column: &str) -> &str {
        let place = self.columns.iter().position(|known| *known == column);
        &self.cells[place.unwrap_or_else(|| panic!("no column {column}"))]
    }

    /// A number; -1 where there is none.
    pub(super) fn number(&self, column: &str) -> i64 {
        let text = self.text(column);
        if text.is_empty() { -1 } else { text.parse().unwrap() }
    }
}

/// All tables that have to do with money.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) payments: Vec<Row>,
    pub(super) subscriptions: Vec<Row>,
    pub(super) refunds: Vec<Row>,
    pub(super) cycles: Vec<Row>,
    pub(super) entries: Vec<Row>,
    pub(super) wallets: Vec<Row>,
    pub(super) generations: Vec<Row>,
}

const PAYMENTS: &[&str] = &[
    "account_id",
    "id",
    "kind",
    "item",
    "tokens",
    "method",
    "status",
    "amount_minor",
    "credit_minor",
    "refunded_minor",
    "gateway_id",
    "subscription_id",
    "cycle_index",
    "cycle_id",
    "replaces_subscription_id",
    "trade_in_tokens",
    "attention",
    "created_at_ms",
    "due_at_ms",
];
const SUBSCRIPTIONS: &[&str] = &[
    "account_id",
    "id",
    "plan",
    "method",
    "status",
    "end_reason",
    "anchor_at_ms",
    "cycle_id",
    "cycle_index",
    "cycle_ends_at_ms",
    "payment_id",
    "renewal_payment_id",
    "attention",
    "created_at_ms",
    "due_at_ms",
];
const REFUNDS: &[&str] = &[
    "account_id",
    "id",
    "payment_id",
    "kind",
    "status",
    "amount_minor",
    "tokens",
    "owed_tokens",
    "cycle_id",
    "gateway_id",
    "attention",
    "created_at_ms",
    "due_at_ms",
];
const CYCLES: &[&str] = &[
    "account_id",
    "id",
    "plan",
    "allowance_tokens",
    "starts_at_ms",
    "ends_at_ms",
    "subscription_id",
    "cycle_index",
    "payment_id",
];
const ENTRIES: &[&str] =
    &["account_id", "reason", "source_id", "debit", "credit", "amount_tokens", "created_at_ms"];
const WALLETS: &[&str] = &[
    "account_id",
    "plan_available",
    "permanent_available",
    "plan_held",
    "permanent_held",
    "owed_tokens",
    "cycle_id",
    "cycle_ends_at_ms",
];
const GENERATIONS: &[&str] =
    &["account_id", "id", "status", "price_tokens", "plan_tokens", "cycle_id", "created_at_ms"];

impl Rows {
    pub(super) async fn read(auditor: &Auditor) -> Self {
        let read = async |table: &str, columns: &'static [&'static str]| -> Vec<Row> {
            let rows = auditor.read(table, columns).await;
            rows.into_iter().map(|cells| Row { columns, cells }).collect()
        };
        Self {
            payments: read("payments", PAYMENTS).await,
            subscriptions: read("subscriptions", SUBSCRIPTIONS).await,
            refunds: read("refunds", REFUNDS).await,
            cycles: read("cycles", CYCLES).await,
            entries: read("ledger_entries", ENTRIES).await,
            wallets: read("wallets", WALLETS).await,
            generations: read("generations", GENERATIONS).await,
        }
    }
}

/// Rows by what stands in a column.
pub(super) fn by<'a>(rows: &'a [Row], column: &str) -> BTreeMap<i64, Vec<&'a Row>> {
    let mut sorted: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        sorted.entry(row.number(column)).or_default().push(row);
    }
    sorted
}
