//! Which grant a permanent token came from.

use super::day;
use domain::{
    id::AccountId,
    ledger::{Entry, Leg, Lot, Reason, permanent_lots},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A movement `at` milliseconds after some instant.
fn entry(at: i64, reason: Reason, source_id: i64, debit: Leg, credit: Leg, amount_tokens: i64) -> Entry {
    let created_at = day("2027-06-01").plus_ms(at);
    Entry { account_id: AccountId(1), reason, source_id, debit, credit, amount_tokens, created_at }
}

fn package(at: i64, payment: i64, tokens: i64) -> Entry {
    entry(at, Reason::Package, payment, Leg::Issued, Leg::Permanent, tokens)
}

fn charge(at: i64, generation: i64, tokens: i64) -> Entry {
    entry(at, Reason::Charge, generation, Leg::Permanent, Leg::Spent, tokens)
}

fn refund(at: i64, refund: i64, tokens: i64) -> Entry {
    entry(at, Reason::Refund, refund, Leg::Permanent, Leg::Adjusted, tokens)
}

fn refund_return(at: i64, refund: i64, tokens: i64) -> Entry {
    entry(at, Reason::RefundReturn, refund, Leg::Adjusted, Leg::Permanent, tokens)
}

/// Payments 1 and 2 are packages; refund 1001 is of payment 1, and so on.
fn refunded() -> BTreeMap<i64, i64> {
    (1..=9).map(|payment| (1_000 + payment, payment)).collect()
}

/// What is free of each lot, oldest first, whatever the order in which the entries are read.
fn check(entries: &[Entry], held: i64, expected: &[(i64, i64)]) {
    let mut read = entries.to_vec();
    for _ in 0..2 {
        let lots = permanent_lots(&read, held, &refunded());
        let free: Vec<_> = lots.iter().map(|lot| (lot.source_id, lot.free_tokens)).collect();
        assert_eq!(free, expected, "{entries:?}");
        read.reverse();
    }
}

#[test]
fn what_came_first_is_spent_first() {
    let came = [package(0, 1, 50), package(10, 2, 100)];
    check(&came, 0, &[(1, 50), (2, 100)]);
    check(&[came[0], came[1], charge(20, 90, 30)], 0, &[(1, 20), (2, 100)]);
    check(&[came[0], came[1], charge(20, 90, 70)], 0, &[(1, 0), (2, 80)]);
    check(&[came[0], charge(5, 90, 40), came[1], charge(20, 91, 20)], 0, &[(1, 0), (2, 90)]);
    check(&[], 0, &[]);
    let lots = permanent_lots(&came, 0, &BTreeMap::new());
    let first = Lot { reason: Reason::Package, source_id: 1, amount_tokens: 50, free_tokens: 50 };
    assert_eq!(lots[0], first);
}

#[test]
fn holds_count_as_taken_from_the_oldest() {
    let came = [package(0, 1, 50), package(10, 2, 100), charge(20, 90, 20)];
    check(&came, 30, &[(1, 0), (2, 100)]);
    check(&came, 31, &[(1, 0), (2, 99)]);
    check(&came, 130, &[(1, 0), (2, 0)]);
}

#[test]
fn a_refund_takes_its_own_payments_tokens_and_gives_them_back_there() {
    let came = [package(0, 1, 50), package(10, 2, 100)];
    check(&[came[0], came[1], refund(20, 1_002, 100)], 0, &[(1, 50), (2, 0)]);
    check(&[came[0], came[1], refund(20, 1_002, 80), charge(30, 90, 60)], 0, &[(1, 0), (2, 10)]);
    check(
        &[came[0], came[1], refund(20, 1_002, 100), refund_return(30, 1_002, 100)],
        0,
        &[(1, 50), (2, 100)],
    );
    // Both at one instant.
    check(
        &[came[0], came[1], refund(20, 1_002, 100), refund_return(20, 1_002, 100)],
        0,
        &[(1, 50), (2, 100)],
    );
    // Spent meanwhile: from what was there.
    check(
        &[came[0], came[1], refund(20, 1_001, 50), charge(25, 90, 30), refund_return(30, 1_001, 50)],
        0,
        &[(1, 50), (2, 70)],
    );
    // While a hold is open on the older lot, only the rest of it goes back; the hold is charged to it then.
    check(&[came[0], came[1], refund(20, 1_001, 20), charge(30, 90, 30)], 0, &[(1, 0), (2, 100)]);
}

#[test]
fn a_debt_is_recovered_from_what_pays_it() {
    let recovery = entry(10, Reason::DebtRecovery, 2, Leg::Permanent, Leg::Owed, 30);
    check(&[package(0, 1, 50), package(10, 2, 100), recovery], 0, &[(1, 50), (2, 70)]);
    // A chargeback takes what is left of its payment; what was spent of it is owed, and touches no lot.
    let taken = entry(20, Reason::Chargeback, 1_001, Leg::Permanent, Leg::Adjusted, 10);
    let owed = entry(20, Reason::Chargeback, 1_001, Leg::Owed, Leg::Adjusted, 40);
    check(&[package(0, 1, 50), charge(5, 90, 40), package(10, 2, 100), taken, owed], 0, &[(1, 0), (2, 100)]);
}

#[test]
fn a_charge_that_is_given_back_returns_to_what_was_spent_last() {
    let back = |at: i64, generation: i64, tokens: i64| {
        entry(at, Reason::ChargeRefund, generation, Leg::Spent, Leg::Permanent, tokens)
    };
    let came = [package(0, 1, 50), package(10, 2, 100)];
    check(&[came[0], came[1], charge(20, 90, 70), back(30, 90, 70)], 0, &[(1, 50), (2, 100)]);
    check(
        &[came[0], came[1], charge(20, 90, 40), charge(21, 91, 30), back(30, 90, 40)],
        0,
        &[(1, 20), (2, 100)],
    );
    // What a refund of money has taken is not refilled.
    check(
        &[came[0], came[1], charge(20, 90, 30), refund(25, 1_002, 100), back(30, 90, 30)],
        0,
        &[(1, 50), (2, 0)],
    );
    // By the clock of another process it seems to come back before it went.
    check(&[came[0], came[1], back(15, 90, 30), charge(20, 90, 30)], 0, &[(1, 50), (2, 100)]);
    // What an operator takes goes like anything else: the oldest first.
    let taken = entry(20, Reason::Take, 500, Leg::Permanent, Leg::Adjusted, 60);
    check(&[came[0], came[1], taken], 0, &[(1, 0), (2, 90)]);
}

#[test]
fn clocks_that_differ_lose_no_token() {
    // A charge of the newer lot that seems to come before the refund of the older one: what comes back is what was taken.
    let round = [refund(20, 1_001, 50), refund_return(30, 1_001, 50)];
    check(
        &[package(0, 1, 50), package(1, 2, 50), charge(19, 90, 30), round[0], round[1]],
        0,
        &[(1, 20), (2, 50)],
    );
    check(&[package(0, 1, 50), package(1, 2, 50), charge(19, 90, 30), round[0]], 0, &[(1, 0), (2, 20)]);
    // Spent before it came, by the clock of another process.
    check(&[package(10, 1, 50), charge(5, 90, 30)], 0, &[(1, 20)]);
    check(&[package(10, 1, 50), charge(5, 90, 30)], 20, &[(1, 0)]);
    check(
        &[package(0, 1, 50), refund(10, 1_001, 50), charge(20, 90, 30), refund_return(30, 1_001, 50)],
        0,
        &[(1, 20)],
    );
}

/// Kinds of steps: a package, a charge, a refund of the payment, its return; each with an amount.
fn steps() -> impl Strategy<Value = Vec<(u8, i64, i64)>> {
    prop::collection::vec((0_u8..4, 1_i64..=9, 1_i64..60), 1..60)
}

proptest! {
    /// Whatever happens in an account, what is free in all lots is what the wallet has available; and no lot has more than
    /// came, nor less than nothing.
    #[test]
    fn lots_add_up_to_what_is_available(steps in steps(), hold in 0_i64..100, skew in prop::collection::vec(-3_i64..=3, 60)) {
        let mut entries: Vec<Entry> = Vec::new();
        let mut refunds: BTreeMap<i64, i64> = BTreeMap::new();
        let (mut available, mut next_id) = (0, 1);
        let mut out: Vec<(i64, i64)> = Vec::new();
        for (at, (kind, which, amount)) in (0_i64..).zip(steps) {
            next_id += 1;
            let lots = permanent_lots(&entries, 0, &refunds);
            let at = at * 2 + skew[usize::try_from(at).unwrap()];
            match kind {
                0 => {
                    entries.push(package(at, next_id, amount));
                    available += amount;
                }
                1 if amount <= available => {
                    entries.push(charge(at, next_id, amount));
                    available -= amount;
                }
                2 => {
                    let Some(lot) = lots.get(usize::try_from(which).unwrap()).filter(|lot| lot.free_tokens > 0) else { continue };
                    refunds.insert(next_id, lot.source_id);
                    entries.push(refund(at, next_id, lot.free_tokens));
                    out.push((next_id, lot.free_tokens));
                    available -= lot.free_tokens;
                }
                3 => {
                    let Some((id, tokens)) = out.pop() else { continue };
                    entries.push(refund_return(at, id, tokens));
                    available += tokens;
                }
                _ => {}
            }
            let lots = permanent_lots(&entries, 0, &refunds);
            prop_assert_eq!(lots.iter().map(|lot| lot.free_tokens).sum::<i64>(), available);
        }
        let held = hold.min(available);
        let lots = permanent_lots(&entries, held, &refunds);
        prop_assert_eq!(lots.iter().map(|lot| lot.free_tokens).sum::<i64>(), available - held);
        prop_assert!(lots.iter().all(|lot| lot.free_tokens >= 0 && lot.free_tokens <= lot.amount_tokens));
    }
}
