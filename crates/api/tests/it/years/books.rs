//! The payment services' own books.

use serde_json::Value;
use std::collections::BTreeMap;

/// A payment as its service has it. What it is for stands in its reference.
#[derive(Clone, Debug)]
pub(super) struct BookPayment {
    pub(super) is_stars: bool,
    pub(super) reference: String,
    pub(super) account_id: i64,
    /// `s` subscription, `r` renewal, `p` package.
    pub(super) kind: char,
    pub(super) cycle_index: i64,
    pub(super) item: String,
    pub(super) status: String,
    pub(super) amount: i64,
    pub(super) refunded: i64,
    pub(super) created_ms: i64,
    pub(super) is_saved: bool,
    /// For a subscription at Telegram: its first payment, and whether it goes on.
    pub(super) subscription: Option<(String, bool)>,
}

/// A refund as its service has it.
#[derive(Clone, Debug)]
pub(super) struct BookRefund {
    pub(super) payment_id: String,
    pub(super) has_arrived: bool,
    pub(super) amount: i64,
}

/// Both services' books.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) payments: BTreeMap<String, BookPayment>,
    /// By payment.
    pub(super) refunds: BTreeMap<String, Vec<BookRefund>>,
}

impl Books {
    pub(super) fn read(shown: &Value) -> Self {
        let mut books = Self::default();
        for entry in shown["payments"].as_array().unwrap() {
            books.payments.insert(text(&entry["id"]), payment(entry));
        }
        for entry in shown["refunds"].as_array().unwrap() {
            let refund = BookRefund {
                payment_id: text(&entry["payment_id"]),
                has_arrived: entry["status"] == "succeeded",
                amount: entry["amount_minor"].as_i64().unwrap(),
            };
            books.refunds.entry(refund.payment_id.clone()).or_default().push(refund);
        }
        books
    }

    /// Refunds of a payment.
    pub(super) fn refunds_of(&self, id: &str) -> &[BookRefund] {
        self.refunds.get(id).map_or(&[], Vec::as_slice)
    }
}

impl BookPayment {
    pub(super) fn is_paid(&self) -> bool {
        self.status == "succeeded"
    }
}

fn payment(entry: &Value) -> BookPayment {
    let reference = text(&entry["reference"]);
    let parts: Vec<&str> = reference.split('.').collect();
    let [account_id, kind, item, _] = parts[..] else { panic!("no reference of ours: {entry}") };
    let subscription = &entry["subscription"];
    let goes_on = subscription["is_canceled"] == false && subscription["has_ended"] == false;
    BookPayment {
        is_stars: entry["service"] == "telegram",
        reference: reference.clone(),
        account_id: account_id.parse().unwrap(),
        kind: kind.chars().next().unwrap(),
        cycle_index: kind[1..].parse().unwrap(),
        item: item.to_owned(),
        status: text(&entry["status"]),
        amount: entry["amount_minor"].as_i64().unwrap(),
        refunded: entry["refunded_minor"].as_i64().unwrap(),
        created_ms: instant(&text(&entry["created_at"])),
        is_saved: entry["saved_method_id"].is_string(),
        subscription: subscription["id"].as_str().map(|id| (id.to_owned(), goes_on)),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// `2026-11-22T00:00:00.000Z` in milliseconds since the epoch.
fn instant(text: &str) -> i64 {
    let day = domain::time::Day::parse(&text[..10]).unwrap().starts_at().unix_ms();
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    day + ((number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1_000 + number(20, 23)
}
