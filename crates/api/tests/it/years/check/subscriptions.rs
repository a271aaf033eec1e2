//! Subscriptions end for a reason, and what is paid for is there.

use super::Sorted;
use crate::years::{
    diary::Wish,
    rows::{Row, by},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let cycles = by(&sorted.truth.rows.cycles, "subscription_id");
    let has_begun = |payment: &&Row| matches!(payment.text("status"), "succeeded" | "applying");
    let begun = sorted.truth.rows.payments.iter().filter(has_begun);
    let replaced = begun.map(|payment| payment.number("replaces_subscription_id")).collect();
    for subscription in &sorted.truth.rows.subscriptions {
        let Some(own) = cycles.get(&subscription.number("id")) else { continue };
        if subscription.text("status") == "ended" && !has_reason(sorted, subscription, own, &replaced) {
            wrong.push(format!("it ended for no reason: {subscription:?}"));
        }
    }
    what_runs_is_there(sorted, wrong);
}

fn has_reason(sorted: &Sorted<'_>, subscription: &Row, cycles: &[&Row], replaced: &BTreeSet<i64>) -> bool {
    let diary = sorted.truth.diaries[&subscription.number("account_id")];
    let began_ms = subscription.number("created_at_ms");
    match subscription.text("end_reason") {
        "canceled" => {
            let was_wanted =
                diary.wishes.iter().any(|(at_ms, wish)| *at_ms >= began_ms && *wish != Wish::GoOn);
            was_wanted || diary.refunds.iter().any(|at_ms| *at_ms >= began_ms)
        }
        "replaced" => replaced.contains(&subscription.number("id")),
        "refunded" => cycles.iter().any(|cycle| {
            let refunds = sorted.refunds_by_payment.get(&cycle.number("payment_id"));
            refunds.is_some_and(|refunds| refunds.iter().any(|refund| refund.text("status") != "failed"))
        }),
        "unpaid" => is_unpaid(sorted, subscription, cycles),
        _ => false,
    }
}

/// Whether its service has let it end, or did not make the charge for its next cycle.
fn is_unpaid(sorted: &Sorted<'_>, subscription: &Row, cycles: &[&Row]) -> bool {
    let books = &sorted.truth.books.payments;
    let first = cycles.iter().find(|cycle| cycle.number("cycle_index") == 0);
    let first = first.map(|cycle| sorted.payments[&cycle.number("payment_id")].text("gateway_id"));
    let Some(began) = first.and_then(|id| books.get(id)) else { return false };
    if let Some((_, goes_on)) = &began.subscription {
        return !goes_on;
    }
    let charges = sorted.charges_of(subscription.number("id"));
    !began.is_saved || charges.iter().any(|charge| charge.status == "canceled")
}

/// The plan that was paid for last, and runs, is the one in force.
fn what_runs_is_there(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let mut last: BTreeMap<i64, (i64, &Row)> = BTreeMap::new();
    for cycle in &sorted.truth.rows.cycles {
        let starts_ms = cycle.number("starts_at_ms");
        let known = last.entry(cycle.number("account_id")).or_insert((starts_ms, cycle));
        if starts_ms >= known.0 {
            *known = (starts_ms, cycle);
        }
    }
    for wallet in &sorted.truth.rows.wallets {
        let paid = last.get(&wallet.number("account_id")).map(|(_, cycle)| *cycle);
        let runs = paid.filter(|cycle| cycle.number("ends_at_ms") > sorted.truth.now_ms);
        let is_in_force = |cycle: &&Row| wallet.number("cycle_id") == cycle.number("id");
        let was_taken = |cycle: &Row| {
            sorted
                .refunds_by_payment
                .get(&cycle.number("payment_id"))
                .is_some_and(|refunds| !refunds.is_empty())
        };
        match runs {
            Some(cycle) if !is_in_force(&cycle) && !was_taken(cycle) => {
                wrong.push(format!("a plan that is paid for is not in force: {cycle:?}, {wallet:?}"));
            }
            None if wallet.number("cycle_ends_at_ms") > sorted.truth.now_ms => {
                wrong.push(format!("a plan that nobody paid for: {wallet:?}"));
            }
            _ => {}
        }
    }
}
