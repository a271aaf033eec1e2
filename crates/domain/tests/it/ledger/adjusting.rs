//! Cycles of subscriptions, taking back, and debts.

use super::{
    ANN, at, check, entered, expire, grant, held, hold, open_cycle_of, resolve, resolved, split_of, store,
};
use domain::{
    id::CycleId,
    ledger::{Bucket, Command, GiveBack, Leg, Outcome, Reason, Refusal, TakeBack},
    time::Timestamp,
};

const PLAN: Bucket = Bucket::Plan(CycleId(1));

fn take(bucket: Bucket, amount_tokens: i64, owed_tokens: i64, seen: (i64, i64)) -> Command<()> {
    let (account_id, reason, source_id) = (ANN, Reason::Refund, 50);
    Command::TakeBack(TakeBack { account_id, reason, source_id, bucket, amount_tokens, owed_tokens, seen })
}

fn give(bucket: Bucket, amount_tokens: i64) -> Command<()> {
    let (account_id, reason, taken_as, source_id) = (ANN, Reason::RefundReturn, Reason::Refund, 50);
    Command::GiveBack(GiveBack { account_id, reason, taken_as, source_id, bucket, amount_tokens })
}

fn end(cycle: i64) -> Command<()> {
    Command::EndCycle { account_id: ANN, cycle_id: CycleId(cycle) }
}

fn keep(cycle: i64, plan_until: Timestamp) -> Command<()> {
    Command::KeepPlan { account_id: ANN, cycle_id: CycleId(cycle), plan_until }
}

#[test]
fn what_was_seen_is_taken_once() {
    for (bucket, left) in [(PLAN, (4, 20)), (Bucket::Permanent, (10, 14))] {
        let mut store = store(10, 20);
        let seen = store.wallet(ANN).seen(bucket);
        for _ in 0..3 {
            assert_eq!(store.run_one(at(1), take(bucket, 6, 0, seen)), Ok(Outcome::Done));
            check(&store, left, (0, 0));
        }
        for _ in 0..3 {
            assert_eq!(store.run_one(at(2), give(bucket, 6)), Ok(Outcome::Done));
            check(&store, (10, 20), (0, 0));
        }
        // It is over: nothing is taken for it any more.
        store.run_one(at(3), take(bucket, 6, 0, seen)).unwrap();
        check(&store, (10, 20), (0, 0));
    }
}

#[test]
fn nothing_is_taken_from_what_has_moved() {
    for (bucket, amount, seen) in [
        (Bucket::Permanent, 6, (20, 0)),
        (Bucket::Permanent, 6, (18, 1)),
        (Bucket::Permanent, 19, (18, 2)),
        (PLAN, 1, (10, 0)),
        (PLAN, 1, (0, 9)),
        (PLAN, 1, (0, 10)),
        (Bucket::Plan(CycleId(2)), 1, (0, 0)),
    ] {
        let mut store = store(10, 20);
        store.run_one(at(1), hold(ANN, 1, 12)).unwrap();
        let before = store.clone();
        assert_eq!(store.run_one(at(2), take(bucket, amount, 0, seen)), Err(Refusal::Moved), "{bucket:?}");
        assert_eq!(store, before);
    }
}

#[test]
fn nothing_is_given_back_of_what_was_not_taken() {
    let mut store = store(10, 20);
    store.run_one(at(1), give(Bucket::Permanent, 6)).unwrap();
    check(&store, (10, 20), (0, 0));
    // Whoever took nothing took not, in one transaction and over two.
    store.run(at(2), vec![take(Bucket::Permanent, 0, 0, (20, 0)), give(Bucket::Permanent, 6)]);
    check(&store, (10, 20), (0, 0));
    store.run_one(at(3), take(Bucket::Permanent, 6, 0, (20, 0))).unwrap();
    check(&store, (10, 14), (0, 0));
}

#[test]
fn tokens_of_an_ended_cycle_are_given_back_to_nobody() {
    for is_swept in [false, true] {
        let mut store = store(10, 0);
        store.run_one(at(1), take(PLAN, 6, 0, (10, 0))).unwrap();
        if is_swept {
            store.run_one(at(1_000), expire(ANN, 1)).unwrap();
        }
        store.run_one(at(1_000), give(PLAN, 6)).unwrap();
        // What is not swept yet is what was left, and no more.
        check(&store, (if is_swept { 0 } else { 4 }, 0), (0, 0));
        assert_eq!(store.balance(ANN, Leg::Adjusted), 0);
        store.run_one(at(1_001), expire(ANN, 1)).unwrap();
        assert_eq!(store.balance(ANN, Leg::Expired), 10);
    }
}

#[test]
fn a_debt_is_paid_from_what_is_given_next() {
    let mut store = store(0, 20);
    store.run_one(at(1), take(Bucket::Permanent, 20, 35, (20, 0))).unwrap();
    check(&store, (0, 0), (0, 0));
    assert_eq!(store.wallet(ANN).owed_tokens, 35);
    store.run_one(at(2), grant(ANN, 2, Reason::Package, 5)).unwrap();
    check(&store, (0, 0), (0, 0));
    store.run_one(at(3), open_cycle_of(ANN, 3, (at(3), at(1_000)), 20)).unwrap();
    check(&store, (0, 0), (0, 0));
    assert_eq!(store.wallet(ANN).owed_tokens, 10);
    // A repeat pays nothing again.
    store.run_one(at(4), grant(ANN, 2, Reason::Package, 5)).unwrap();
    assert_eq!(store.wallet(ANN).owed_tokens, 10);
    store.run_one(at(5), grant(ANN, 4, Reason::Grant, 12)).unwrap();
    check(&store, (0, 2), (0, 0));
    assert_eq!(store.wallet(ANN).owed_tokens, 0);
    assert_eq!(store.balance(ANN, Leg::Owed), 0);
    assert_eq!(entered(&store, Reason::DebtRecovery, Leg::Plan), 20);
}

#[test]
fn a_cycle_that_comes_late_ends_no_later_one() {
    let mut store = store(0, 0);
    store.run_one(at(500), open_cycle_of(ANN, 2, (at(400), at(800)), 20)).unwrap();
    store.run_one(at(501), take(Bucket::Permanent, 0, 7, (0, 0))).unwrap();
    for _ in 0..2 {
        store.run_one(at(510), open_cycle_of(ANN, 1, (at(0), at(400)), 10)).unwrap();
        // It is on record all the same, and pays no debt.
        check(&store, (20, 0), (0, 0));
        assert_eq!(store.wallet(ANN).owed_tokens, 7);
        assert_eq!((store.balance(ANN, Leg::Issued), store.balance(ANN, Leg::Expired)), (-30, 10));
    }
}

#[test]
fn a_plan_is_kept_without_its_tokens() {
    let mut store = store(10, 3);
    let plan = |store: &super::Store, ms| store.wallet(ANN).plan(at(ms)).is_some();
    assert!(plan(&store, 999) && !plan(&store, 1_000));
    // Never for less than the cycle.
    store.run_one(at(1), keep(1, at(5))).unwrap();
    assert!(plan(&store, 999) && !plan(&store, 1_000));
    store.run_one(at(1), keep(1, at(1_500))).unwrap();
    assert!(plan(&store, 1_499) && !plan(&store, 1_500));
    store.run_one(at(1_000), expire(ANN, 1)).unwrap();
    check(&store, (0, 3), (0, 0));
    assert!(plan(&store, 1_499));
    let short = Refusal::InsufficientTokens { required_tokens: 4, available_tokens: 3 };
    assert_eq!(store.run_one(at(1_001), hold(ANN, 1, 4)), Err(short));
    // Never shorter than what is paid; and another cycle's word changes nothing.
    store.run_one(at(1_002), keep(1, at(5))).unwrap();
    store.run_one(at(1_002), keep(9, at(9_000))).unwrap();
    assert!(!plan(&store, 1_003));
    store.run_one(at(1_004), expire(ANN, 1)).unwrap();
    assert_eq!(store.wallet(ANN).cycle, None);
}

/// Whoever is late speaks of a cycle that another has followed.
#[test]
fn a_word_of_an_earlier_cycle_changes_nothing() {
    let mut store = store(10, 3);
    store.run_one(at(500), open_cycle_of(ANN, 2, (at(500), at(2_000)), 20)).unwrap();
    let before = store.wallet(ANN).clone();
    for late in [expire(ANN, 1), end(1), keep(1, at(9_000)), keep(1, at(1_000))] {
        store.run_one(at(2_500), late.clone()).unwrap();
        assert_eq!(store.wallet(ANN).clone(), before, "{late:?}");
    }
    assert_eq!(entered(&store, Reason::Expiry, Leg::Plan), 10);
}

#[test]
fn a_cycle_can_be_ended_at_once() {
    let mut store = store(10, 3);
    store.run_one(at(1), hold(ANN, 1, 4)).unwrap();
    store.run_one(at(2), end(9)).unwrap();
    check(&store, (6, 3), (4, 0));
    for _ in 0..2 {
        store.run_one(at(3), end(1)).unwrap();
        check(&store, (0, 3), (4, 0));
        assert_eq!(store.wallet(ANN).plan(at(3)), None);
    }
    assert_eq!(entered(&store, Reason::Expiry, Leg::Plan), 6);
    assert_eq!(split_of(store.run_one(at(4), hold(ANN, 2, 3))), held(0, 3));
    assert_eq!(store.run_one(at(5), resolve(ANN, 1, false)), resolved(false, true, 0, 0));
    check(&store, (0, 0), (0, 3));
    // It is not opened again.
    store.run_one(at(6), open_cycle_of(ANN, 1, (at(0), at(1_000)), 10)).unwrap();
    check(&store, (0, 0), (0, 3));
}
