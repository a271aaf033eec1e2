//! Money: what may become of orders, what each brings, and what goes back.

mod demand;
mod refunds;
mod subscriptions;

use super::{
    Account, At, Cycle, Entry, GRACE_MS, months_later,
    prices::{item, plan},
};
use crate::simulation::rows::Row;
use domain::port::GatewayPaymentStatus;
use std::collections::{BTreeMap, BTreeSet};
pub use subscriptions::Live;

/// What is known of an account's money.
#[derive(Debug, Default)]
pub struct Books {
    pub payments: BTreeMap<i64, Row>,
    pub subscriptions: BTreeMap<i64, Row>,
    pub refunds: BTreeMap<i64, Row>,
    /// Payments whose tokens have come.
    granted: BTreeSet<i64>,
    /// Plan tokens that are set aside for a payment.
    traded: BTreeMap<i64, i64>,
    /// Refunds whose tokens were taken.
    taken: BTreeSet<i64>,
    pub live: Option<Live>,
    /// Somebody died while a subscription was changed.
    pub is_unsure: bool,
}

/// Payments, subscriptions and refunds.
type Rows<'a> = (&'a [Row], &'a [Row], &'a [Row]);

/// From each status, where a payment can get.
const WAYS: [(&str, &[&str]); 7] = [
    ("new", &["pending", "paid", "applying", "succeeded", "canceled", "returned"]),
    ("pending", &["paid", "applying", "succeeded", "canceled", "returned"]),
    ("canceled", &["paid", "applying", "succeeded", "returned"]),
    ("paid", &["applying", "succeeded", "returned"]),
    ("applying", &["succeeded"]),
    ("succeeded", &[]),
    ("returned", &[]),
];

/// Whether a payment is decided to buy what it was for.
fn is_applied(status: &str) -> bool {
    matches!(status, "applying" | "succeeded")
}

/// Whether something was entered for that reason and source.
fn has(entries: &[Entry], reason: &str, source: i64) -> bool {
    entries.iter().any(|entry| entry.reason == reason && entry.source == source)
}

impl Books {
    pub fn has_ended(&self, subscription_id: i64) -> bool {
        self.subscriptions.get(&subscription_id).is_some_and(|row| row.text("status") == "ended")
    }

    pub fn is_at_rest(&self) -> bool {
        let has_ended = |row: &Row| matches!(row.text("status"), "succeeded" | "returned" | "canceled");
        self.live.is_none()
            && self.payments.values().all(|row| has_ended(row) && row.some("due_at_ms").is_none())
            && self.refunds.values().all(|row| matches!(row.text("status"), "succeeded" | "failed"))
    }
}

impl Account {
    pub(super) fn absorb_billing(
        &mut self,
        at: &At<'_>,
        entries: &[Entry],
        (payments, subscriptions, refunds): Rows<'_>,
        wrong: &mut Vec<String>,
    ) {
        let by_id = |rows: &[Row]| rows.iter().map(|row| (row.number("id"), row.clone())).collect();
        let before = std::mem::replace(&mut self.books.payments, by_id(payments));
        let subscriptions_before = std::mem::replace(&mut self.books.subscriptions, by_id(subscriptions));
        let refunds_before = std::mem::replace(&mut self.books.refunds, by_id(refunds));
        // What was ordered before, and then what is new, which may follow from it.
        let (known, new): (Vec<&Row>, Vec<&Row>) =
            payments.iter().partition(|row| before.contains_key(&row.number("id")));
        for row in known.into_iter().chain(new) {
            let was = before.get(&row.number("id"));
            self.check_way(at, was, row, wrong);
            self.return_trade_in(at, entries, row, wrong);
            if was.is_none() {
                self.check_new_payment(at, row, &subscriptions_before, wrong);
            }
            self.set_aside(entries, row, wrong);
            self.return_trade_in(at, entries, row, wrong);
            if is_applied(row.text("status")) && was.is_none_or(|was| !is_applied(was.text("status"))) {
                self.apply(at, row, wrong);
            }
            self.grant_paid(entries, row, wrong);
        }
        let new_refunds = || refunds.iter().filter(|row| !refunds_before.contains_key(&row.number("id")));
        for row in new_refunds() {
            self.check_new_refund(at, row, &before, wrong);
        }
        self.take_refunded(entries, wrong);
        self.return_refunded(at, entries, wrong);
        self.absorb_tokens(at, entries, wrong);
        self.check_subscriptions(at, wrong);
    }

    /// Whether a payment may have come to where it is.
    fn check_way(&self, at: &At<'_>, before: Option<&Row>, row: &Row, wrong: &mut Vec<String>) {
        let status = row.text("status");
        if let Some(before) = before {
            let from = before.text("status");
            let ways = WAYS.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, ways)| ways);
            if from != status && !ways.contains(&status) {
                wrong.push(format!("a payment went from {from} to {status}: {row:?}"));
            }
            for column in ["kind", "item", "tokens", "amount_minor", "credit_minor", "reference", "cycle_id"]
            {
                if before.text(column) != row.text(column) {
                    wrong.push(format!("{column} of a payment has changed: {row:?}"));
                }
            }
        }
        let has_money = matches!(status, "paid" | "applying" | "succeeded" | "returned");
        if has_money && before.is_none_or(|before| before.text("status") != status) {
            let at_till = at.world.till.by_reference(row.text("reference"));
            let is_paid = at_till.as_ref().is_some_and(|entered| {
                entered.status == GatewayPaymentStatus::Succeeded
                    && entered.amount.amount_minor == row.number("amount_minor")
            });
            if !is_paid {
                wrong.push(format!("nobody has paid {row:?}: {at_till:?}"));
            }
        }
    }

    /// Whether a payment may have been asked for, and costs what it must.
    fn check_new_payment(
        &mut self,
        at: &At<'_>,
        row: &Row,
        subscriptions: &BTreeMap<i64, Row>,
        wrong: &mut Vec<String>,
    ) {
        let (kind, slug) = (row.text("kind"), row.text("item"));
        let is_ordered = at.doing.account == self.id
            && at.doing.orders.as_ref().is_some_and(|(wanted, item)| *wanted == kind && item == slug);
        let (tokens, kopecks) = item(kind, slug);
        let mut credit = 0;
        match kind {
            "renewal" => self.check_charge(at, row, subscriptions, wrong),
            _ if !is_ordered => wrong.push(format!("a payment that nobody has ordered: {row:?}")),
            "subscription" => credit = self.check_trade_in(at, row, kopecks, wrong),
            _ => {}
        }
        let seen = (row.number("tokens"), row.number("credit_minor"), row.number("amount_minor"));
        if seen != (tokens, credit, kopecks - credit) {
            wrong.push(format!("{tokens} tokens for {kopecks} kopecks less {credit}: {row:?}"));
        }
    }

    /// What an earlier plan is worth, and the tokens that go with that.
    fn check_trade_in(&self, at: &At<'_>, row: &Row, kopecks: i64, wrong: &mut Vec<String>) -> i64 {
        let live = self.books.live.as_ref();
        let replaces = (row.some("replaces_subscription_id"), row.some("replaces_cycle_id"));
        if replaces != (live.map(|live| live.id), live.map(|live| live.cycle_id)) {
            wrong.push(format!("an order that does not say what it is in place of, {live:?}: {row:?}"));
        }
        let Some(live) = live.filter(|live| at.now_ms < live.ends_ms) else { return 0 };
        let free =
            self.cycle.as_ref().filter(|cycle| cycle.id == live.cycle_id).map_or(0, |cycle| cycle.free);
        if row.some("trade_in_tokens") != Some(free) {
            wrong.push(format!("{free} tokens were to be set aside: {row:?}"));
        }
        let paid = self.books.payments.get(&live.payment_id);
        let back = paid.map_or(0, |row| row.number("refunded_minor"));
        live.worth(live.price - back, free, at.now_ms).min(kopecks - 100)
    }

    /// Tokens that were set aside for a payment come back.
    fn return_trade_in(&mut self, at: &At<'_>, entries: &[Entry], row: &Row, wrong: &mut Vec<String>) {
        let id = row.number("id");
        if self.is_due("trade_in_return", id) || !has(entries, "trade_in_return", id) {
            return;
        }
        // They may have been set aside only just now.
        let Some(amount) = self.books.traded.remove(&id) else { return };
        if !matches!(row.text("status"), "canceled" | "returned") {
            wrong.push(format!("nothing was to come back: {row:?}"));
        }
        self.return_to_plan(at, ("trade_in_return", id), row.some("trade_in_cycle_id"), amount);
    }

    /// Tokens come back whose money did not go.
    fn return_refunded(&mut self, at: &At<'_>, entries: &[Entry], wrong: &mut Vec<String>) {
        for entry in entries.iter().filter(|entry| entry.reason == "refund_return") {
            let row = self.books.refunds.get(&entry.source).cloned();
            // It is taken first and written to be so after.
            if row.is_none() || !self.books.taken.remove(&entry.source) {
                wrong.push(format!("nothing was to come back: {entry:?}"));
            }
            let Some(row) = row else { continue };
            let tokens = row.number("tokens");
            if row.some("cycle_id").is_some() {
                let cycle = row.some("cycle_id");
                self.return_to_plan(at, ("refund_return", entry.source), cycle, tokens);
            } else {
                self.enter("refund_return", entry.source, ("adjusted", "permanent"), tokens);
                self.permanent.give_back(row.number("payment_id"), tokens);
            }
        }
    }

    fn return_to_plan(&mut self, at: &At<'_>, (reason, source): (&str, i64), to: Option<i64>, amount: i64) {
        let runs = self.running(at.now_ms).is_some_and(|running| Some(running) == to);
        match &mut self.cycle {
            Some(cycle) if runs => {
                cycle.free += amount;
                self.enter(reason, source, ("adjusted", "plan"), amount);
            }
            _ => self.enter(reason, source, ("adjusted", "expired"), amount),
        }
    }

    /// Tokens are set aside for a higher plan.
    fn set_aside(&mut self, entries: &[Entry], row: &Row, wrong: &mut Vec<String>) {
        let id = row.number("id");
        if !has(entries, "trade_in", id) {
            return;
        }
        let wanted = (row.some("trade_in_cycle_id"), row.number("trade_in_tokens"));
        let there = self.cycle.as_ref().map(|cycle| (Some(cycle.id), cycle.free));
        if Some(wanted) != there || self.books.traded.contains_key(&id) {
            wrong.push(format!("{there:?} was there to be set aside: {row:?}"));
        }
        if let Some(cycle) = &mut self.cycle {
            let amount = std::mem::take(&mut cycle.free);
            self.books.traded.insert(id, amount);
            self.enter("trade_in", id, ("plan", "adjusted"), amount);
        }
    }

    /// What was paid for comes, once.
    fn grant_paid(&mut self, entries: &[Entry], row: &Row, wrong: &mut Vec<String>) {
        let (id, is_package) = (row.number("id"), row.text("kind") == "package");
        let comes = if is_package {
            has(entries, "package", id)
        } else {
            row.some("cycle_id").is_some_and(|cycle_id| has(entries, "allowance", cycle_id))
        };
        if !comes {
            return;
        }
        if !is_applied(row.text("status")) || !self.books.granted.insert(id) {
            return wrong.push(format!("tokens that nobody has paid for, or a second time: {row:?}"));
        }
        if is_package {
            self.give("package", id, item("package", row.text("item")).0);
        } else {
            self.open_paid(row, wrong);
        }
    }

    /// The cycle that a payment has bought begins.
    fn open_paid(&mut self, row: &Row, wrong: &mut Vec<String>) {
        let subscription = self.books.subscriptions.get(&row.number("subscription_id"));
        let Some(subscription) = subscription else {
            return wrong.push(format!("a cycle of no subscription: {row:?}"));
        };
        let (anchor_ms, index) = (subscription.number("anchor_at_ms"), row.number("cycle_index"));
        let (starts_ms, ends_ms) = (months_later(anchor_ms, index), months_later(anchor_ms, index + 1));
        let (id, live) = (row.number("cycle_id"), self.books.live.as_ref());
        let is_kept = live.is_some_and(|live| live.cycle_id == id && !live.ends);
        let cycle = Cycle {
            id,
            plan: row.text("item").to_owned(),
            starts_ms,
            ends_ms,
            plan_until_ms: if is_kept { ends_ms + GRACE_MS } else { ends_ms },
            free: 0,
            subscription: Some(subscription.number("id")),
        };
        self.open(cycle, plan(row.text("item")).tokens);
    }
}
