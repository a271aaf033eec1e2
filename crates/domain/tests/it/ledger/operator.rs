//! What operators decide: taking permanent tokens, and giving a charge back.

use super::{ANN, at, check, entered, hold, open_cycle_of, resolve, store};
use domain::{
    id::{CycleId, GenerationId},
    ledger::{Bucket, Command, Leg, Outcome, Reason, Refunded, Refusal, Split, TakeBack},
};

fn take(source_id: i64, amount_tokens: i64) -> Command<()> {
    Command::Take { account_id: ANN, source_id, amount_tokens }
}

fn refund(generation: i64) -> Command<()> {
    Command::RefundCharge { account_id: ANN, generation_id: GenerationId(generation) }
}

fn refunded(plan_tokens: i64, permanent_tokens: i64, expired_tokens: i64, is_first: bool) -> Outcome {
    Outcome::Refunded(Refunded { split: Split { plan_tokens, permanent_tokens }, expired_tokens, is_first })
}

#[test]
fn an_operator_takes_what_is_free_and_no_more() {
    let mut store = store(10, 20);
    store.run_one(at(1), hold(ANN, 1, 15)).unwrap();
    check(&store, (0, 15), (10, 5));
    let refusal = Refusal::InsufficientTokens { required_tokens: 16, available_tokens: 15 };
    assert_eq!(store.run_one(at(1), take(70, 16)), Err(refusal));
    for bad in [0, -1, i64::MAX] {
        assert_eq!(store.run_one(at(1), take(70, bad)), Err(Refusal::BadAmount));
    }
    for _ in 0..2 {
        assert_eq!(store.run_one(at(1), take(70, 15)), Ok(Outcome::Done));
        check(&store, (0, 0), (10, 5));
    }
    assert_eq!(entered(&store, Reason::Take, Leg::Permanent), 15);
    store.run_one(at(2), resolve(ANN, 1, false)).unwrap();
    check(&store, (10, 5), (0, 0));
}

#[test]
fn a_charge_goes_back_once_to_where_it_came_from() {
    let mut store = store(10, 20);
    store.run_one(at(1), hold(ANN, 1, 15)).unwrap();
    assert_eq!(store.run_one(at(1), refund(1)), Err(Refusal::NotCharged));
    store.run_one(at(1), resolve(ANN, 1, true)).unwrap();
    assert_eq!(store.run_one(at(2), refund(1)), Ok(refunded(10, 5, 0, true)));
    check(&store, (10, 20), (0, 0));
    for _ in 0..2 {
        assert_eq!(store.run_one(at(3), refund(1)), Ok(refunded(10, 5, 0, false)));
        check(&store, (10, 20), (0, 0));
    }
    assert_eq!(store.balance(ANN, Leg::Spent), 0);
    store.run_one(at(4), hold(ANN, 2, 1)).unwrap();
    store.run_one(at(4), resolve(ANN, 2, false)).unwrap();
    assert_eq!(store.run_one(at(4), refund(2)), Err(Refusal::NotCharged));
    assert_eq!(store.run_one(at(4), refund(3)), Err(Refusal::UnknownGeneration));
}

#[test]
fn plan_tokens_of_a_cycle_that_is_over_do_not_come_back() {
    let mut store = store(10, 20);
    let over = store.wallet(ANN).cycle.as_ref().unwrap().ends_at;
    for (generation, price) in [(1, 4), (2, 11)] {
        store.run_one(at(1), hold(ANN, generation, price)).unwrap();
        store.run_one(at(1), resolve(ANN, generation, true)).unwrap();
    }
    check(&store, (0, 15), (0, 0));
    assert_eq!(store.run_one(over, refund(1)), Err(Refusal::ChargeExpired));
    assert_eq!(store.run_one(over, refund(2)), Ok(refunded(0, 5, 6, true)));
    assert_eq!(store.run_one(over, refund(2)), Ok(refunded(0, 5, 6, false)));
    check(&store, (0, 20), (0, 0));
}

/// Nor do they come back into the cycle that follows.
#[test]
fn plan_tokens_come_back_into_their_own_cycle_alone() {
    let mut store = store(10, 20);
    store.run_one(at(1), hold(ANN, 1, 15)).unwrap();
    store.run_one(at(1), resolve(ANN, 1, true)).unwrap();
    store.run_one(at(1_000), open_cycle_of(ANN, 2, (at(1_000), at(2_000)), 30)).unwrap();
    check(&store, (30, 15), (0, 0));
    assert_eq!(store.run_one(at(1_001), refund(1)), Ok(refunded(0, 5, 10, true)));
    check(&store, (30, 20), (0, 0));
}

#[test]
fn a_debt_is_paid_from_what_comes_back() {
    let mut store = store(10, 20);
    store.run_one(at(1), hold(ANN, 1, 30)).unwrap();
    store.run_one(at(1), resolve(ANN, 1, true)).unwrap();
    let (reason, bucket) = (Reason::Chargeback, Bucket::Plan(CycleId(1)));
    store
        .run_one(
            at(2),
            Command::TakeBack(TakeBack {
                account_id: ANN,
                reason,
                source_id: 50,
                bucket,
                amount_tokens: 0,
                owed_tokens: 24,
                seen: (0, 0),
            }),
        )
        .unwrap();
    assert_eq!(store.run_one(at(3), refund(1)), Ok(refunded(10, 20, 0, true)));
    check(&store, (6, 0), (0, 0));
    assert_eq!(store.wallet(ANN).owed_tokens, 0);
    assert_eq!(entered(&store, Reason::DebtRecovery, Leg::Permanent), 20);
    assert_eq!(entered(&store, Reason::DebtRecovery, Leg::Plan), 4);
}
