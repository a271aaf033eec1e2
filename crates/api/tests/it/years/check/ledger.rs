//! Tokens: what came less what went is what is there; people's spending is charged once, from a cycle that ran.

use super::Sorted;
use crate::years::rows::{Row, by};
use std::collections::BTreeMap;

/// What an account begins with.
const STARTER_TOKENS: i64 = 50;

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let entries = by(&sorted.truth.rows.entries, "account_id");
    let generations = by(&sorted.truth.rows.generations, "account_id");
    for wallet in &sorted.truth.rows.wallets {
        let account_id = wallet.number("account_id");
        let own = entries.get(&account_id).map_or(&[][..], Vec::as_slice);
        check_balances(wallet, own, wrong);
        check_order_of_lots(own, sorted, wrong);
        let starters = own.iter().filter(|entry| entry.text("reason") == "starter");
        if starters.map(|entry| entry.number("amount_tokens")).sum::<i64>() != STARTER_TOKENS {
            wrong.push(format!("account {account_id} did not begin with {STARTER_TOKENS} tokens"));
        }
        check_spending(sorted, account_id, generations.get(&account_id).map_or(&[], Vec::as_slice), wrong);
    }
}

fn check_balances(wallet: &Row, entries: &[&Row], wrong: &mut Vec<String>) {
    let mut legs: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in entries {
        *legs.entry(entry.text("debit")).or_default() -= entry.number("amount_tokens");
        *legs.entry(entry.text("credit")).or_default() += entry.number("amount_tokens");
    }
    let leg = |name: &str| legs.get(name).copied().unwrap_or(0);
    let held = |bucket: &str| {
        wallet.number(&format!("{bucket}_available")) + wallet.number(&format!("{bucket}_held"))
    };
    let there = (held("plan"), held("permanent"), -wallet.number("owed_tokens"));
    if there != (leg("plan"), leg("permanent"), leg("owed")) || legs.values().sum::<i64>() != 0 {
        wrong.push(format!("a wallet that its entries do not explain: {wallet:?}, {legs:?}"));
    }
}

/// Every hold that somebody remembers was charged if it completed, once and whole, and not if it did not; and nothing else
/// was. Plan tokens came from a cycle that ran then.
fn check_spending(sorted: &Sorted<'_>, account_id: i64, generations: &[&Row], wrong: &mut Vec<String>) {
    let spends = &sorted.truth.diaries[&account_id].spends;
    if spends.len() != generations.len() {
        wrong.push(format!("account {account_id} has {} holds for {}", generations.len(), spends.len()));
    }
    let cycles: BTreeMap<i64, &Row> = sorted
        .truth
        .rows
        .cycles
        .iter()
        .filter(|cycle| cycle.number("account_id") == account_id)
        .map(|cycle| (cycle.number("id"), cycle))
        .collect();
    for spend in spends {
        let charges = sorted.entries_of("charge", spend.id.0);
        let charged: i64 = charges.iter().map(|entry| entry.number("amount_tokens")).sum();
        let due = if spend.completed == Some(true) { spend.tokens } else { 0 };
        if charged != due {
            wrong.push(format!("{charged} charged for {spend:?}"));
        }
    }
    for generation in generations.iter().filter(|generation| generation.number("plan_tokens") > 0) {
        let at_ms = generation.number("created_at_ms");
        let runs =
            |cycle: &&&Row| cycle.number("starts_at_ms") <= at_ms && at_ms < cycle.number("ends_at_ms");
        if cycles.get(&generation.number("cycle_id")).filter(runs).is_none() {
            wrong.push(format!("plan tokens of a cycle that did not run: {generation:?}"));
        }
    }
}

/// What came first is spent first: no refund of a package takes tokens that were spent before.
fn check_order_of_lots(entries: &[&Row], sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let mut ordered: Vec<&&Row> = entries.iter().collect();
    ordered.sort_by_key(|entry| (entry.number("created_at_ms"), entry.number("source_id")));
    // Source and what is left, oldest first.
    let mut lots: Vec<(i64, i64)> = Vec::new();
    let refunds: BTreeMap<i64, i64> = sorted
        .truth
        .rows
        .refunds
        .iter()
        .map(|refund| (refund.number("id"), refund.number("payment_id")))
        .collect();
    for entry in ordered {
        let (amount, source) = (entry.number("amount_tokens"), entry.number("source_id"));
        let lot = refunds.get(&source).copied().unwrap_or(source);
        match (entry.text("debit"), entry.text("credit")) {
            ("issued", "permanent") => lots.push((source, amount)),
            ("adjusted", "permanent") => {
                lots.iter_mut().filter(|(id, _)| *id == lot).for_each(|(_, left)| *left += amount)
            }
            ("permanent", "adjusted" | "owed") => {
                for (_, left) in lots.iter_mut().filter(|(id, _)| *id == lot) {
                    *left -= amount;
                    if *left < 0 {
                        wrong.push(format!("a refund of tokens that were spent: {entry:?}"));
                    }
                }
            }
            ("permanent", _) => {
                let mut rest = amount;
                for (_, left) in &mut lots {
                    let part = rest.min((*left).max(0));
                    (*left, rest) = (*left - part, rest - part);
                }
            }
            _ => {}
        }
    }
}
