//! The state as the database has it, read past everything that is tried here.

use std::collections::BTreeSet;
use testkit::Auditor;

/// A row by its columns.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    columns: &'static [&'static str],
    values: Vec<String>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = self.columns.iter().zip(&self.values).filter(|(_, value)| !value.is_empty());
        f.debug_map().entries(told).finish()
    }
}

impl Row {
    pub fn text(&self, column: &str) -> &str {
        let place = self.columns.iter().position(|known| *known == column);
        &self.values[place.unwrap_or_else(|| panic!("no column {column}"))]
    }

    pub fn number(&self, column: &str) -> i64 {
        self.some(column).unwrap_or_default()
    }

    /// `None` where nothing stands.
    pub fn some(&self, column: &str) -> Option<i64> {
        self.text(column).parse().ok()
    }
}

const WALLETS: &[&str] = &[
    "account_id",
    "plan_available",
    "permanent_available",
    "plan_held",
    "permanent_held",
    "owed_tokens",
    "cycle_id",
    "cycle_plan",
    "cycle_starts_at_ms",
    "cycle_ends_at_ms",
    "cycle_plan_until_ms",
    "hour_started_at_ms",
    "hour_count",
    "day_started_at_ms",
    "day_count",
];
const GENERATIONS: &[&str] = &[
    "account_id",
    "id",
    "model_slug",
    "status",
    "price_tokens",
    "plan_tokens",
    "permanent_tokens",
    "cycle_id",
    "created_at_ms",
    "refunded_tokens",
];
const ENTRIES: &[&str] = &["account_id", "reason", "source_id", "debit", "credit", "amount_tokens"];
const PAYMENTS: &[&str] = &[
    "account_id",
    "id",
    "kind",
    "item",
    "tokens",
    "status",
    "amount_minor",
    "credit_minor",
    "refunded_minor",
    "reference",
    "gateway_id",
    "confirmation_url",
    "subscription_id",
    "cycle_index",
    "cycle_id",
    "replaces_subscription_id",
    "replaces_cycle_id",
    "trade_in_cycle_id",
    "trade_in_tokens",
    "attention",
    "created_at_ms",
    "paid_at_ms",
    "due_at_ms",
];
const SUBSCRIPTIONS: &[&str] = &[
    "account_id",
    "id",
    "plan",
    "status",
    "end_reason",
    "anchor_at_ms",
    "cycle_index",
    "cycle_id",
    "cycle_starts_at_ms",
    "cycle_ends_at_ms",
    "price_minor",
    "payment_id",
    "is_method_gone",
    "cancel_at_end",
    "next_plan",
    "declines",
    "renewal_payment_id",
    "attention",
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
    "attention",
    "created_at_ms",
];

/// What there is to see of some accounts.
#[derive(Debug, Default)]
pub struct Seen {
    pub wallets: Vec<Row>,
    /// Those that were asked for, and those that are new.
    pub generations: Vec<Row>,
    /// Those that are new.
    pub entries: Vec<Row>,
    /// Where billing was looked at.
    pub billing: Option<Billing>,
}

/// All rows of billing.
#[derive(Clone, Debug, Default)]
pub struct Billing {
    pub payments: Vec<Row>,
    pub subscriptions: Vec<Row>,
    pub refunds: Vec<Row>,
}

/// What is to be looked at.
pub struct Look<'a> {
    pub accounts: &'a [i64],
    /// Generations besides those that are newer than `newest`.
    pub generations: &'a BTreeSet<i64>,
    pub newest: i64,
    /// Entries from then on.
    pub from_ms: i64,
    pub with_billing: bool,
}

/// Reads it.
pub async fn see(auditor: &Auditor, look: &Look<'_>) -> Seen {
    let own = format!("account_id IN ({})", list(look.accounts));
    let open: Vec<i64> = look.generations.iter().copied().collect();
    let open = if open.is_empty() { String::new() } else { format!("OR id IN ({})", list(&open)) };
    Seen {
        wallets: read(auditor, &format!("wallets WHERE {own}"), WALLETS).await,
        generations: read(
            auditor,
            &format!("generations WHERE {own} AND (id > {} {open})", look.newest),
            GENERATIONS,
        )
        .await,
        entries: read(
            auditor,
            &format!("ledger_entries WHERE {own} AND created_at_ms >= {}", look.from_ms),
            ENTRIES,
        )
        .await,
        billing: if look.with_billing { Some(billing(auditor, &own).await) } else { None },
    }
}

async fn billing(auditor: &Auditor, own: &str) -> Billing {
    Billing {
        payments: read(auditor, &format!("payments WHERE {own}"), PAYMENTS).await,
        subscriptions: read(auditor, &format!("subscriptions WHERE {own}"), SUBSCRIPTIONS).await,
        refunds: read(auditor, &format!("refunds WHERE {own}"), REFUNDS).await,
    }
}

/// All generations and all sums of entries of some accounts, to be held against everything that the model remembers.
pub async fn history(auditor: &Auditor, accounts: &[i64]) -> (Vec<Row>, Vec<Row>) {
    let own = format!("account_id IN ({})", list(accounts));
    let generations = read(auditor, &format!("generations WHERE {own}"), GENERATIONS).await;
    (generations, read(auditor, &format!("ledger_entries WHERE {own}"), ENTRIES).await)
}

/// When a worker has something to do next.
pub async fn next_due_ms(auditor: &Auditor, now_ms: i64) -> Option<i64> {
    let mut next = None::<i64>;
    for table in ["payments", "subscriptions", "refunds"] {
        let due = "MIN(CASE WHEN due_at_ms > leased_until_ms THEN due_at_ms ELSE leased_until_ms END)";
        let waiting = format!("{table} WHERE due_at_ms IS NOT NULL AND attention IS NULL");
        let found = auditor.read(&waiting, &[due]).await;
        next = [next, found[0][0].parse().ok()].into_iter().flatten().min();
    }
    let ends = format!("wallets WHERE cycle_id IS NOT NULL AND cycle_ends_at_ms > {now_ms}");
    let found = auditor.read(&ends, &["MIN(cycle_ends_at_ms)"]).await;
    [next, found[0][0].parse().ok()].into_iter().flatten().min()
}

async fn read(auditor: &Auditor, what: &str, columns: &'static [&'static str]) -> Vec<Row> {
    let rows = auditor.read(what, columns).await;
    rows.into_iter().map(|values| Row { columns, values }).collect()
}

fn list(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
