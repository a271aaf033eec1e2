//! Money that went back, and what an earlier plan was worth.

use super::{KOPECKS_PER_STAR, Sorted, share};
use crate::years::{books::BookRefund, rows::Row};
use std::collections::BTreeMap;

/// What services take at least.
const LEAST_KOPECKS: i64 = 100;

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    for (id, paid) in &sorted.truth.books.payments {
        let arrived: Vec<&BookRefund> =
            sorted.truth.books.refunds_of(id).iter().filter(|refund| refund.has_arrived).collect();
        let back: i64 = arrived.iter().map(|refund| refund.amount).sum();
        if back != paid.refunded || back > paid.amount {
            wrong.push(format!("the sandbox is not at one with itself: {id} {paid:?}"));
        }
        let Some(ours) = sorted.by_gateway.get(id.as_str()) else { continue };
        let own = sorted.refunds_by_payment.get(&ours.number("id")).map_or(&[][..], Vec::as_slice);
        let known: i64 = own
            .iter()
            .filter(|refund| refund.text("status") == "succeeded")
            .map(|refund| refund.number("amount_minor"))
            .sum();
        if known > back || (sorted.truth.is_last && known < back && ours.text("status") == "succeeded") {
            wrong.push(format!("{back} of {id} went back, with us {known}: {ours:?}, {own:?}, {arrived:?}"));
        }
    }
    for refund in &sorted.truth.rows.refunds {
        check_refund(sorted, refund, wrong);
    }
    check_trade_ins(sorted, wrong);
}

/// Each refund takes the tokens that its money has bought, and no more money than they are worth.
fn check_refund(sorted: &Sorted<'_>, refund: &Row, wrong: &mut Vec<String>) {
    let id = refund.number("id");
    let payment = sorted.payments[&refund.number("payment_id")];
    let (amount, tokens, owed) =
        (refund.number("amount_minor"), refund.number("tokens"), refund.number("owed_tokens"));
    let (paid, bought) = (payment.number("amount_minor"), payment.number("tokens"));
    let leg = if payment.text("kind") == "package" { "permanent" } else { "plan" };
    let is_ok = match (refund.text("kind"), refund.text("status")) {
        ("unwanted", _) => tokens == 0 && owed == 0,
        ("granted", "succeeded" | "pending" | "taken") => {
            sorted.moved("refund", id, leg) == tokens
                && amount <= share(paid + payment.number("credit_minor"), tokens, bought)
        }
        ("granted", "failed") => {
            sorted.moved("refund", id, leg) == sorted.moved("refund_return", id, "adjusted")
        }
        ("chargeback", "succeeded") => {
            let taken = sorted.moved("chargeback", id, leg) == tokens
                && sorted.moved("chargeback", id, "owed") == owed;
            let most = share(bought, amount, paid);
            let is_whole = leg == "plan" || tokens + owed == most;
            taken && is_whole && tokens + owed <= most
        }
        (_, "new") => true,
        _ => false,
    };
    if !is_ok {
        wrong.push(format!("a wrong refund: {refund:?} of {payment:?}"));
    }
}

/// What was taken off the price of a higher plan is what was left of the one before, by time and by tokens; and its tokens are
/// gone when that was paid, and back when not.
fn check_trade_ins(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let cycles: BTreeMap<i64, &Row> =
        sorted.truth.rows.cycles.iter().map(|cycle| (cycle.number("id"), cycle)).collect();
    for payment in sorted.truth.rows.payments.iter().filter(|payment| payment.number("credit_minor") > 0) {
        let id = payment.number("id");
        let tokens = payment.number("trade_in_tokens");
        let (taken, returned) =
            (sorted.moved("trade_in", id, "plan"), sorted.moved("trade_in_return", id, "adjusted"));
        let is_right = match payment.text("status") {
            "succeeded" => (taken, returned) == (tokens, 0),
            "returned" | "canceled" if payment.text("due_at_ms").is_empty() => taken == returned,
            _ => true,
        };
        if !is_right {
            wrong.push(format!(
                "a credit whose tokens are not where they belong: {taken}, {returned}: {payment:?}"
            ));
        }
        let Some(cycle) = cycle_before(payment, &cycles) else {
            wrong.push(format!("a credit for no cycle: {payment:?}"));
            continue;
        };
        let old = sorted.payments[&cycle.number("payment_id")];
        let (paid, credit) = (old.number("amount_minor"), old.number("credit_minor"));
        let kopecks = if old.text("method") == "yookassa" { paid + credit } else { paid * KOPECKS_PER_STAR };
        let left_ms = cycle.number("ends_at_ms") - payment.number("created_at_ms");
        let whole_ms = cycle.number("ends_at_ms") - cycle.number("starts_at_ms");
        let worth =
            share(kopecks, left_ms, whole_ms).min(share(kopecks, tokens, cycle.number("allowance_tokens")));
        let most = payment.number("amount_minor") + payment.number("credit_minor") - LEAST_KOPECKS;
        // What went back of the earlier payment makes it worth less.
        let went_back = sorted.refunds_by_payment.contains_key(&old.number("id"));
        let credit = payment.number("credit_minor");
        if credit > worth.min(most) || (!went_back && credit != worth.min(most)) {
            wrong.push(format!("a credit of {credit} for what is worth {worth}: {payment:?}, {cycle:?}"));
        }
    }
}

/// The cycle of the subscription that a payment replaces, at the time of the order.
fn cycle_before<'a>(payment: &Row, cycles: &BTreeMap<i64, &'a Row>) -> Option<&'a Row> {
    let at_ms = payment.number("created_at_ms");
    let of_it = cycles
        .values()
        .filter(|cycle| cycle.number("subscription_id") == payment.number("replaces_subscription_id"));
    let mut running =
        of_it.filter(|cycle| cycle.number("starts_at_ms") <= at_ms && at_ms < cycle.number("ends_at_ms"));
    running.next().copied()
}
