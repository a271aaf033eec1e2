//! The rules by which tokens move: examples here, and in [`simulation`] random commands against a small model.

mod adjusting;
mod admission;
mod model;
mod operator;
mod simulation;
mod store;

use domain::{
    catalog::Category,
    id::{AccountId, CycleId, GenerationId, GrantId, KeyId, NodeId},
    ledger::{
        Command, Cycle, EndedHold, Failure, HoldRequest, Leg, MAX_AMOUNT_TOKENS, OpenCycle, Outcome,
        RateLimits, Reason, Refusal, Resolution, Resolved, Split,
    },
    time::Timestamp,
};
use proptest::prelude::*;
use store::Store;

const ANN: AccountId = AccountId(1);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn hold(account_id: AccountId, generation: i64, price_tokens: i64) -> Command<()> {
    Command::Hold(request(account_id, generation, price_tokens))
}

fn request(account_id: AccountId, generation: i64, price_tokens: i64) -> HoldRequest {
    HoldRequest {
        account_id,
        generation_id: GenerationId(generation),
        price_tokens,
        model_slug: "gpt-5".to_owned(),
        category: Category::Text,
        key_id: Some(KeyId(1)),
        node_id: NodeId(1),
        created_at: at(0),
        deadline_at: at(i64::MAX),
        limits: RateLimits::default(),
        key_budget_tokens: None,
        binding: None,
        vendor_cost_micro_usd: None,
        webhook_url: None,
        is_told: false,
    }
}

fn resolve(account_id: AccountId, generation: i64, is_completed: bool) -> Command<()> {
    let failure = || Failure {
        error_code: "provider_error".to_owned(),
        message: "It broke.".to_owned(),
        details: None,
        is_free: false,
    };
    let resolution = if is_completed { Resolution::Completed(()) } else { Resolution::Failed(failure()) };
    Command::Resolve(EndedHold {
        account_id,
        generation_id: GenerationId(generation),
        ended_at: at(0),
        resolution,
    })
}

fn grant(account_id: AccountId, grant: i64, reason: Reason, amount_tokens: i64) -> Command<()> {
    Command::Grant { account_id, grant_id: GrantId(grant), reason, amount_tokens }
}

fn open_cycle(account_id: AccountId, cycle: i64, ends_at: Timestamp, allowance_tokens: i64) -> Command<()> {
    open_cycle_of(account_id, cycle, (at(0), ends_at), allowance_tokens)
}

fn open_cycle_of(
    account_id: AccountId,
    cycle: i64,
    (starts_at, ends_at): (Timestamp, Timestamp),
    allowance_tokens: i64,
) -> Command<()> {
    let cycle =
        Cycle { id: CycleId(cycle), plan: "basic".to_owned(), starts_at, ends_at, plan_until: ends_at };
    Command::OpenCycle(OpenCycle { account_id, cycle, allowance_tokens, paid_by: None })
}

fn expire(account_id: AccountId, cycle: i64) -> Command<()> {
    Command::Expire { account_id, cycle_id: CycleId(cycle) }
}

/// Ann's ledger: `plan` tokens of cycle 1, which ends at 1,000 ms, and `permanent` ones.
fn store(plan: i64, permanent: i64) -> Store {
    let mut store = Store::new([ANN]);
    if plan > 0 {
        store.run_one(at(0), open_cycle(ANN, 1, at(1_000), plan)).unwrap();
    }
    if permanent > 0 {
        store.run_one(at(0), grant(ANN, 1, Reason::Grant, permanent)).unwrap();
    }
    store
}

/// Ann's plan and permanent tokens that are available, then those that are held.
fn check(store: &Store, available: (i64, i64), held: (i64, i64)) {
    let wallet = store.wallet(ANN);
    assert_eq!((wallet.plan_available, wallet.permanent_available), available, "available: {wallet:?}");
    assert_eq!((wallet.plan_held, wallet.permanent_held), held, "held: {wallet:?}");
}

/// The amount of the only entry for that reason and leg, or 0.
fn entered(store: &Store, reason: Reason, debit: Leg) -> i64 {
    let found: Vec<_> = store.entries.iter().filter(|e| e.reason == reason && e.debit == debit).collect();
    assert!(found.len() <= 1, "{found:?}");
    found.first().map_or(0, |entry| entry.amount_tokens)
}

fn resolved(
    is_completed: bool,
    is_first: bool,
    tokens_spent: i64,
    balance_tokens: i64,
) -> Result<Outcome, Refusal> {
    Ok(Outcome::Resolved(Resolved { is_completed, is_first, tokens_spent, balance_tokens }))
}

fn held(plan_tokens: i64, permanent_tokens: i64) -> Result<Split, Refusal> {
    Ok(Split { plan_tokens, permanent_tokens })
}

/// What a hold has taken.
fn split_of(answer: Result<Outcome, Refusal>) -> Result<Split, Refusal> {
    answer.map(|outcome| match outcome {
        Outcome::Held(held) => held.split,
        other => panic!("{other:?} is no hold"),
    })
}

#[test]
fn plan_tokens_burn_first() {
    let mut store = store(10, 10);
    assert_eq!(split_of(store.run_one(at(1), hold(ANN, 1, 6))), held(6, 0));
    assert_eq!(split_of(store.run_one(at(1), hold(ANN, 2, 6))), held(4, 2));
    assert_eq!(split_of(store.run_one(at(1), hold(ANN, 3, 6))), held(0, 6));
    check(&store, (0, 2), (10, 8));
}

#[test]
fn a_completed_generation_is_charged_its_price() {
    let mut store = store(10, 10);
    store.run_one(at(1), hold(ANN, 1, 13)).unwrap();
    assert_eq!(store.run_one(at(2), resolve(ANN, 1, true)), resolved(true, true, 13, 7));
    check(&store, (0, 7), (0, 0));
    assert_eq!(entered(&store, Reason::Charge, Leg::Plan), 10);
    assert_eq!(entered(&store, Reason::Charge, Leg::Permanent), 3);
}

#[test]
fn a_failed_generation_is_net_zero() {
    let mut store = store(10, 10);
    let entries = store.entries.len();
    store.run_one(at(1), hold(ANN, 1, 13)).unwrap();
    assert_eq!(store.run_one(at(2), resolve(ANN, 1, false)), resolved(false, true, 0, 20));
    check(&store, (10, 10), (0, 0));
    assert_eq!(store.entries.len(), entries);
}

#[test]
fn a_hold_resolves_once_and_a_repeat_answers_the_first_outcome() {
    for (first, charged) in [(true, 4), (false, 0)] {
        let mut store = store(10, 0);
        store.run_one(at(1), hold(ANN, 1, 4)).unwrap();
        assert_eq!(
            store.run_one(at(2), resolve(ANN, 1, first)),
            resolved(first, true, charged, 10 - charged)
        );
        let entries = store.entries.len();
        for second in [true, false] {
            let repeated = store.run_one(at(3), resolve(ANN, 1, second));
            assert_eq!(repeated, resolved(first, false, charged, 10 - charged));
        }
        assert_eq!(store.entries.len(), entries);
    }
}

#[test]
fn a_hold_may_settle_after_its_cycle_ended() {
    for is_swept in [false, true] {
        let mut store = store(10, 5);
        store.run_one(at(999), hold(ANN, 1, 6)).unwrap();
        if is_swept {
            store.run_one(at(1_000), expire(ANN, 1)).unwrap();
        }
        assert_eq!(store.run_one(at(2_000), resolve(ANN, 1, true)), resolved(true, true, 6, 5));
        store.run_one(at(3_000), expire(ANN, 1)).unwrap();
        check(&store, (0, 5), (0, 0));
        assert_eq!(entered(&store, Reason::Charge, Leg::Plan), 6);
        assert_eq!(entered(&store, Reason::Expiry, Leg::Plan), 4);
    }
}

#[test]
fn a_hold_that_fails_after_its_cycle_ended_gives_no_plan_tokens_back() {
    for is_swept in [false, true] {
        let mut store = store(10, 5);
        store.run_one(at(999), hold(ANN, 1, 12)).unwrap();
        if is_swept {
            store.run_one(at(1_000), expire(ANN, 1)).unwrap();
        }
        assert_eq!(store.run_one(at(1_000), resolve(ANN, 1, false)), resolved(false, true, 0, 5));
        check(&store, (0, 5), (0, 0));
        assert_eq!(entered(&store, Reason::LateRelease, Leg::Plan), 10);
    }
}

#[test]
fn a_new_cycle_does_not_take_over_what_a_hold_of_the_last_one_gives_back() {
    let mut store = store(10, 0);
    store.run_one(at(1), hold(ANN, 1, 4)).unwrap();
    store.run_one(at(2), open_cycle(ANN, 2, at(2_000), 7)).unwrap();
    check(&store, (7, 0), (4, 0));
    assert_eq!(entered(&store, Reason::Expiry, Leg::Plan), 6);
    assert_eq!(store.run_one(at(3), resolve(ANN, 1, false)), resolved(false, true, 0, 7));
    check(&store, (7, 0), (0, 0));
    assert_eq!(entered(&store, Reason::LateRelease, Leg::Plan), 4);
}

#[test]
fn plan_tokens_end_at_the_instant_swept_or_not() {
    let mut store = store(10, 3);
    assert_eq!(split_of(store.run_one(at(999), hold(ANN, 1, 4))), held(4, 0));
    let short = Refusal::InsufficientTokens { required_tokens: 4, available_tokens: 3 };
    assert_eq!(store.run_one(at(1_000), hold(ANN, 2, 4)), Err(short));
    assert_eq!(split_of(store.run_one(at(1_000), hold(ANN, 3, 3))), held(0, 3));
    check(&store, (6, 0), (4, 3));
}

#[test]
fn a_late_sweep_takes_no_permanent_tokens_and_none_of_a_new_cycle() {
    let mut store = store(10, 3);
    store.run_one(at(999), expire(ANN, 1)).unwrap();
    check(&store, (10, 3), (0, 0));
    store.run_one(at(1_500), grant(ANN, 2, Reason::Grant, 5)).unwrap();
    store.run_one(at(1_500), expire(ANN, 1)).unwrap();
    check(&store, (0, 8), (0, 0));
    store.run_one(at(1_600), open_cycle(ANN, 2, at(3_000), 20)).unwrap();
    store.run_one(at(1_700), expire(ANN, 1)).unwrap();
    check(&store, (20, 8), (0, 0));
}

#[test]
fn a_grant_and_a_cycle_come_once() {
    let mut store = store(10, 5);
    for _ in 0..2 {
        store.run_one(at(1), grant(ANN, 1, Reason::Grant, 5)).unwrap();
        store.run_one(at(1), open_cycle(ANN, 1, at(9_000), 10)).unwrap();
        check(&store, (10, 5), (0, 0));
    }
    // Another reason makes it another grant.
    store.run_one(at(1), grant(ANN, 1, Reason::Starter, 50)).unwrap();
    check(&store, (10, 55), (0, 0));
    // A repeat within one batch counts as well.
    let twice = vec![grant(ANN, 2, Reason::Grant, 1), grant(ANN, 2, Reason::Grant, 1)];
    store.run(at(2), twice);
    check(&store, (10, 56), (0, 0));
}

#[test]
fn a_hold_that_is_asked_for_again_is_the_same_hold() {
    let mut store = store(10, 0);
    let answers = store.run(at(1), vec![hold(ANN, 1, 4), hold(ANN, 1, 4)]).into_iter();
    assert_eq!(answers.map(split_of).collect::<Vec<_>>(), [held(4, 0), held(4, 0)]);
    assert_eq!(split_of(store.run_one(at(2), hold(ANN, 1, 4))), held(4, 0));
    check(&store, (6, 0), (4, 0));
}

#[test]
fn a_dear_hold_does_not_block_a_cheap_one() {
    let mut store = store(0, 10);
    let answers = store.run(at(1), vec![hold(ANN, 1, 8), hold(ANN, 2, 3), hold(ANN, 3, 2)]);
    let short = Refusal::InsufficientTokens { required_tokens: 3, available_tokens: 2 };
    let answers: Vec<_> = answers.into_iter().map(split_of).collect();
    assert_eq!(answers, [held(0, 8), Err(short), held(0, 2)]);
}

#[test]
fn what_is_refused_changes_nothing() {
    let bob = AccountId(2);
    let mut store = store(10, 5);
    let before = store.clone();
    for (command, refusal) in [
        (hold(bob, 1, 1), Refusal::UnknownAccount),
        (resolve(ANN, 1, true), Refusal::UnknownGeneration),
        (hold(ANN, 1, 0), Refusal::BadAmount),
        (hold(ANN, 1, -1), Refusal::BadAmount),
        (hold(ANN, 1, MAX_AMOUNT_TOKENS + 1), Refusal::BadAmount),
        (grant(ANN, 9, Reason::Grant, 0), Refusal::BadAmount),
        (grant(ANN, 9, Reason::Grant, -5), Refusal::BadAmount),
        (grant(ANN, 9, Reason::Grant, i64::MAX), Refusal::BadAmount),
        (open_cycle(ANN, 9, at(9_000), -1), Refusal::BadAmount),
        (hold(ANN, 1, 16), Refusal::InsufficientTokens { required_tokens: 16, available_tokens: 15 }),
    ] {
        assert_eq!(store.run_one(at(1), command), Err(refusal));
        assert_eq!(store, before);
    }
    store.run_one(at(1), grant(ANN, 9, Reason::Grant, MAX_AMOUNT_TOKENS)).unwrap();
    check(&store, (10, 5 + MAX_AMOUNT_TOKENS), (0, 0));
}

#[test]
fn a_damaged_wallet_is_left_as_it_is() {
    let mut store = store(10, 5);
    store.run_one(at(1), hold(ANN, 1, 12)).unwrap();
    store.wallet_mut(ANN).permanent_held = 1;
    let before = store.clone();
    for is_completed in [true, false] {
        assert_eq!(store.run_one(at(2), resolve(ANN, 1, is_completed)), Err(Refusal::Inconsistent));
        assert_eq!(store, before);
    }
}

proptest! {
    /// Whether they come in one transaction or each in its own.
    #[test]
    fn exactly_as_many_holds_are_admitted_as_the_balance_covers(
        plan in 0_i64..200,
        permanent in 0_i64..200,
        price in 1_i64..40,
        requests in 1_i64..40,
        is_one_batch: bool,
    ) {
        let mut store = store(plan, permanent);
        let commands: Vec<_> = (1..=requests).map(|generation| hold(ANN, generation, price)).collect();
        let answers: Vec<_> = if is_one_batch {
            store.run(at(1), commands)
        } else {
            commands.into_iter().map(|command| store.run_one(at(1), command)).collect()
        };
        let admitted = answers.iter().filter(|answer| answer.is_ok()).count();
        prop_assert_eq!(i64::try_from(admitted).unwrap(), requests.min((plan + permanent) / price));
    }
}
