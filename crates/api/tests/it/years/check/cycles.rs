//! Cycles: when they start and end, one of each, and never one that nobody wanted any more.

use super::{DAY_MS, Sorted};
use crate::years::{
    calendar::months_later,
    diary::{Diary, Wish},
    rows::{Row, by},
};
use std::collections::BTreeMap;

const STARS_MS: i64 = 30 * DAY_MS;
/// Milliseconds before a cycle in which it is charged.
const AHEAD_MS: i64 = DAY_MS;
/// Milliseconds after the end of the one before in which a declined charge may be repeated.
const GRACE_MS: i64 = 7 * DAY_MS;
/// Charges for one cycle: the first, and the repeats.
const MOST_CHARGES: usize = 5;

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let paid_at: BTreeMap<&str, i64> = sorted
        .truth
        .diaries
        .values()
        .flat_map(|diary| diary.paid.iter().map(|(id, at_ms)| (id.as_str(), *at_ms)))
        .collect();
    for (subscription_id, mut cycles) in by(&sorted.truth.rows.cycles, "subscription_id") {
        cycles.sort_by_key(|cycle| cycle.number("cycle_index"));
        if subscription_id == -1 || cycles[0].number("cycle_index") != 0 {
            wrong.push(format!("cycles of no subscription, or without a first one: {:?}", cycles[0]));
            continue;
        }
        let indexes: Vec<i64> = cycles.iter().map(|cycle| cycle.number("cycle_index")).collect();
        if indexes.windows(2).any(|pair| pair[0] >= pair[1]) {
            wrong.push(format!("subscription {subscription_id} has cycles {indexes:?}"));
        }
        let first = sorted.payments[&cycles[0].number("payment_id")];
        if first.text("method") == "yookassa" {
            let Some(anchor_ms) = paid_at.get(first.text("gateway_id")) else {
                wrong.push(format!("nobody remembers to have paid {first:?}"));
                continue;
            };
            check_calendar(*anchor_ms, &cycles, wrong);
            check_charges(sorted, subscription_id, *anchor_ms, &cycles, wrong);
            check_wishes(sorted, &cycles, wrong);
        } else {
            check_periods(sorted, first, &cycles, wrong);
        }
    }
}

/// With us cycles follow the calendar.
fn check_calendar(anchor_ms: i64, cycles: &[&Row], wrong: &mut Vec<String>) {
    for cycle in cycles {
        let index = cycle.number("cycle_index");
        let window = (months_later(anchor_ms, index), months_later(anchor_ms, index + 1));
        if window != (cycle.number("starts_at_ms"), cycle.number("ends_at_ms")) {
            wrong.push(format!("a cycle that should last {window:?}, from {anchor_ms}: {cycle:?}"));
        }
    }
}

/// With Telegram each payment lasts for 30 days from the end of the one before; where word of it was lost, from when its
/// books say that it came.
fn check_periods(sorted: &Sorted<'_>, first: &Row, cycles: &[&Row], wrong: &mut Vec<String>) {
    let books = &sorted.truth.books.payments;
    for cycle in cycles {
        let id = sorted.payments[&cycle.number("payment_id")].text("gateway_id");
        let Some(charge) = books.get(id) else { continue };
        // An invoice that was paid twice is two subscriptions with Telegram, of which either may pay for the next period.
        if Some(&charge.reference) != books.get(first.text("gateway_id")).map(|began| &began.reference) {
            wrong.push(format!("a period that another order paid for: {cycle:?}"));
        }
        let Some(charges) = charge.subscription.as_ref().and_then(|(id, _)| sorted.periods.get(id.as_str()))
        else {
            wrong.push(format!("a period of no subscription of Telegram's: {cycle:?}"));
            continue;
        };
        let place = charges.range(..charge.created_ms).count();
        let began_ms = charges.first().copied().unwrap_or_default();
        let named = began_ms + STARS_MS * i64::try_from(place + 1).unwrap();
        let (starts, ends) = (cycle.number("starts_at_ms"), cycle.number("ends_at_ms"));
        if ends - starts != STARS_MS || ![named, charge.created_ms + STARS_MS].contains(&ends) {
            wrong.push(format!("a period that should end at {named}: {cycle:?}"));
        }
    }
}

/// Charges come in their time, and not too often.
fn check_charges(
    sorted: &Sorted<'_>,
    subscription_id: i64,
    anchor_ms: i64,
    cycles: &[&Row],
    wrong: &mut Vec<String>,
) {
    let mut charges: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for charge in sorted.charges_of(subscription_id) {
        charges.entry(charge.cycle_index).or_default().push(charge.created_ms);
    }
    for (index, mut at_ms) in charges {
        at_ms.sort_unstable();
        let starts_ms = months_later(anchor_ms, index);
        if at_ms[0] < starts_ms - AHEAD_MS || at_ms.len() > MOST_CHARGES {
            wrong.push(format!("subscription {subscription_id} charged for cycle {index} at {at_ms:?}"));
        }
        let before = cycles.iter().rev().find(|cycle| cycle.number("cycle_index") < index);
        let kept_until_ms = before.map_or(0, |cycle| cycle.number("ends_at_ms")) + GRACE_MS;
        if at_ms.iter().skip(1).any(|at_ms| *at_ms >= kept_until_ms) {
            wrong.push(format!(
                "subscription {subscription_id} charged after its grace: {index} at {at_ms:?}"
            ));
        }
    }
}

/// What was canceled in time is neither charged after its end nor renewed.
fn check_wishes(sorted: &Sorted<'_>, cycles: &[&Row], wrong: &mut Vec<String>) {
    let diary = sorted.truth.diaries[&cycles[0].number("account_id")];
    let subscription_id = cycles[0].number("subscription_id");
    for (place, cycle) in cycles.iter().enumerate() {
        let opened_ms = sorted.entries_of("allowance", cycle.number("id"))[0].number("created_at_ms");
        let ends_ms = cycle.number("ends_at_ms");
        if !is_canceled(diary, opened_ms, ends_ms) {
            continue;
        }
        if let Some(next) = cycles.get(place + 1) {
            wrong.push(format!("a cycle although it was canceled before: {next:?}"));
        }
        let late = sorted.charges_of(subscription_id).iter().find(|charge| charge.created_ms >= ends_ms);
        if let Some(charge) = late {
            wrong.push(format!("a charge after the end of what was canceled: {charge:?}, {cycle:?}"));
        }
    }
}

/// Whether the last word on a cycle that was opened then and ends then was to let it end, without any doubt.
fn is_canceled(diary: &Diary, opened_ms: i64, ends_ms: i64) -> bool {
    let heard: Vec<&(i64, Wish)> = diary.wishes.iter().filter(|(at_ms, _)| *at_ms >= opened_ms).collect();
    // At the very instant in which it was opened or ended, nobody knows what came first.
    let last = heard.iter().rev().find(|(at_ms, _)| *at_ms <= ends_ms);
    last.is_some_and(|(at_ms, wish)| *wish == Wish::End && opened_ms < *at_ms && *at_ms < ends_ms)
}
