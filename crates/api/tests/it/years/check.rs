//! What must be true, by the services' books and people's memories alone. Nothing here asks the app.

mod cycles;
mod ledger;
mod money;
mod refunds;
mod rest;
mod subscriptions;

use super::{
    books::{BookPayment, Books},
    diary::Diary,
    rows::{Row, Rows, by},
};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// What a plan brings, and costs in kopecks.
const PLANS: [(&str, i64, i64); 4] =
    [("basic", 300, 89_000), ("pro", 700, 169_000), ("vip", 1_500, 299_000), ("elite", 3_000, 499_000)];
/// What a package brings, and costs in kopecks.
const PACKAGES: [(&str, i64, i64); 4] =
    [("start", 50, 24_900), ("light", 100, 44_900), ("standard", 200, 79_900), ("advanced", 500, 179_000)];
/// What a Star is worth.
const KOPECKS_PER_STAR: i64 = 120;

/// All that is compared.
pub(super) struct Truth<'a> {
    pub(super) books: &'a Books,
    pub(super) rows: &'a Rows,
    /// By account.
    pub(super) diaries: BTreeMap<i64, &'a Diary>,
    pub(super) now_ms: i64,
    /// Whether everything should have come to rest.
    pub(super) is_last: bool,
}

/// The same, sorted.
struct Sorted<'a> {
    truth: &'a Truth<'a>,
    /// Our payments, by the service's id.
    by_gateway: BTreeMap<&'a str, &'a Row>,
    payments: BTreeMap<i64, &'a Row>,
    cycles_by_payment: BTreeMap<i64, Vec<&'a Row>>,
    refunds_by_payment: BTreeMap<i64, Vec<&'a Row>>,
    /// The charges that we made at YooKassa for further cycles, by subscription.
    charges: BTreeMap<i64, Vec<&'a BookPayment>>,
    /// When Telegram charged, by its subscription.
    periods: BTreeMap<&'a str, BTreeSet<i64>>,
    /// By reason and source.
    entries: BTreeMap<(&'a str, i64), Vec<&'a Row>>,
}

/// Everything that is wrong.
pub(super) fn problems(truth: &Truth<'_>) -> Vec<String> {
    let rows = truth.rows;
    let mut entries: BTreeMap<(&str, i64), Vec<&Row>> = BTreeMap::new();
    for entry in &rows.entries {
        entries.entry((entry.text("reason"), entry.number("source_id"))).or_default().push(entry);
    }
    let by_gateway: BTreeMap<&str, &Row> =
        rows.payments.iter().map(|row| (row.text("gateway_id"), row)).collect();
    let mut charges: BTreeMap<i64, Vec<&BookPayment>> = BTreeMap::new();
    let mut periods: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for (id, payment) in &truth.books.payments {
        if let Some(ours) = by_gateway.get(id.as_str()).filter(|_| payment.kind == 'r') {
            charges.entry(ours.number("subscription_id")).or_default().push(payment);
        }
        if let Some((subscription, _)) = &payment.subscription {
            periods.entry(subscription).or_default().insert(payment.created_ms);
        }
    }
    let sorted = Sorted {
        truth,
        by_gateway,
        payments: rows.payments.iter().map(|row| (row.number("id"), row)).collect(),
        cycles_by_payment: by(&rows.cycles, "payment_id"),
        refunds_by_payment: by(&rows.refunds, "payment_id"),
        charges,
        periods,
        entries,
    };
    let mut wrong = Vec::new();
    money::check(&sorted, &mut wrong);
    cycles::check(&sorted, &mut wrong);
    subscriptions::check(&sorted, &mut wrong);
    refunds::check(&sorted, &mut wrong);
    ledger::check(&sorted, &mut wrong);
    rest::check(&sorted, &mut wrong);
    wrong
}

/// How much there was to compare.
pub(super) fn counts(truth: &Truth<'_>) -> String {
    let paid = truth.books.payments.values().filter(|payment| payment.is_paid()).count();
    let renewals =
        truth.books.payments.values().filter(|payment| payment.is_paid() && payment.kind == 'r').count();
    let refunds: usize = truth.books.refunds.values().map(Vec::len).sum();
    let spends: usize = truth.diaries.values().map(|diary| diary.spends.len()).sum();
    format!(
        "{} payments at services ({paid} paid, {renewals} of them renewals by us), {refunds} refunds, {} orders, \
         {} cycles, {spends} holds, {} entries",
        truth.books.payments.len(),
        truth.rows.payments.len(),
        truth.rows.cycles.len(),
        truth.rows.entries.len(),
    )
}

impl<'a> Sorted<'a> {
    fn entries_of(&self, reason: &'a str, source_id: i64) -> &[&'a Row] {
        self.entries.get(&(reason, source_id)).map_or(&[], Vec::as_slice)
    }

    /// The charges that we made for further cycles of a subscription.
    fn charges_of(&self, subscription_id: i64) -> &[&'a BookPayment] {
        self.charges.get(&subscription_id).map_or(&[], Vec::as_slice)
    }

    /// Tokens that moved for that reason and source out of a leg.
    fn moved(&self, reason: &'a str, source_id: i64, debit: &str) -> i64 {
        let own = self.entries_of(reason, source_id).iter().filter(|entry| entry.text("debit") == debit);
        own.map(|entry| entry.number("amount_tokens")).sum()
    }
}

/// What an item brings and costs.
fn item(kind: &str, slug: &str) -> Option<(i64, i64)> {
    let items = if kind == "package" { &PACKAGES } else { &PLANS };
    items.iter().find(|(known, ..)| *known == slug).map(|(_, tokens, kopecks)| (*tokens, *kopecks))
}

/// `amount * part / whole`, rounded down.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let product = i128::from(amount) * i128::from(part.clamp(0, whole));
    i64::try_from(product / i128::from(whole)).unwrap()
}
