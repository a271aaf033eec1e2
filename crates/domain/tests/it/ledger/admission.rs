//! Limits of plans, budgets of keys, and names of requests.

use super::{
    ANN, at, check,
    model::Model,
    request, resolve, resolved, split_of,
    store::{self, Store},
};
use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{Binding, Command, Held, HoldRequest, KeyUse, Outcome, RateLimits, RateState, Reason, Refusal},
    time::{Month, Timestamp},
};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-11-22T00:00:00Z
const START_MS: i64 = 1_795_305_600_000;
const KEY: KeyId = KeyId(1);

/// Ann's ledger, with more tokens than these tests spend.
fn rich() -> Store {
    let mut store = store::Store::new([ANN]);
    store.run_one(at(0), super::grant(ANN, 1, Reason::Grant, 1_000)).unwrap();
    store
}

fn limited(generation: i64, hourly: i64, daily: i64) -> Command<()> {
    let limits = RateLimits { hourly, daily };
    Command::Hold(HoldRequest { limits, ..request(ANN, generation, 1) })
}

fn budgeted(generation: i64, price_tokens: i64, budget_tokens: i64) -> Command<()> {
    let key_budget_tokens = Some(budget_tokens);
    Command::Hold(HoldRequest { key_budget_tokens, ..request(ANN, generation, price_tokens) })
}

fn named(generation: i64, key: &str, what: u8) -> Command<()> {
    let binding = Some(Binding { key: key.to_owned(), fingerprint: [what; 32], wait_ms: None });
    Command::Hold(HoldRequest { binding, ..request(ANN, generation, 1) })
}

fn full(limit: i64, reset_ms: i64) -> Result<Outcome, Refusal> {
    Err(Refusal::RateLimited(RateState { limit, remaining: 0, reset_ms }))
}

fn over_budget(required_tokens: i64, available_tokens: i64) -> Result<Outcome, Refusal> {
    Err(Refusal::OverKeyBudget { required_tokens, available_tokens })
}

#[test]
fn a_window_starts_with_the_first_that_it_counts() {
    let mut store = rich();
    let at = |ms: i64| at(START_MS + ms);
    for (generation, ms) in [(1, 500), (2, 1_000)] {
        store.run_one(at(ms), limited(generation, 2, 0)).unwrap();
    }
    assert_eq!(store.run_one(at(1_000), limited(3, 2, 0)), full(2, HOUR_MS - 500));
    assert_eq!(store.run_one(at(HOUR_MS + 499), limited(3, 2, 0)), full(2, 1));
    // The next one starts when something is begun again, not when the last one ended.
    store.run_one(at(2 * HOUR_MS), limited(3, 2, 0)).unwrap();
    store.run_one(at(3 * HOUR_MS - 1), limited(4, 2, 0)).unwrap();
    assert_eq!(store.run_one(at(3 * HOUR_MS - 1), limited(5, 2, 0)), full(2, 1));
    store.run_one(at(3 * HOUR_MS), limited(5, 2, 0)).unwrap();
}

#[test]
fn the_longer_wait_is_told_when_both_are_full() {
    let mut store = rich();
    store.run_one(at(0), limited(1, 1, 1)).unwrap();
    assert_eq!(store.run_one(at(1), limited(2, 1, 1)), full(1, DAY_MS - 1));
    assert_eq!(store.run_one(at(1), limited(2, 1, 2)), full(1, HOUR_MS - 1));
    store.run_one(at(HOUR_MS), limited(2, 1, 2)).unwrap();
    assert_eq!(store.run_one(at(2 * HOUR_MS), limited(3, 1, 2)), full(2, 22 * HOUR_MS));
    // Nothing is limited where a plan sets none, and it counts for the plan that comes after.
    store.run_one(at(2 * HOUR_MS), limited(3, 0, 0)).unwrap();
    assert_eq!(store.run_one(at(2 * HOUR_MS), limited(4, 0, 3)), full(3, 22 * HOUR_MS));
}

#[test]
fn only_what_begins_a_generation_counts() {
    let mut store = rich();
    let dear = HoldRequest { price_tokens: 2_000, ..request(ANN, 1, 1) };
    store.run_one(at(0), Command::Hold(dear)).unwrap_err();
    store.run_one(at(0), budgeted(1, 5, 4)).unwrap_err();
    store.run_one(at(0), limited(1, 1, 0)).unwrap();
    for _ in 0..3 {
        store.run_one(at(1), limited(1, 1, 0)).unwrap();
        store.run_one(at(1), limited(2, 1, 0)).unwrap_err();
    }
    store.run_one(at(2), resolve(ANN, 1, false)).unwrap();
    // What was begun was begun, whatever came of it.
    assert_eq!(store.run_one(at(3), limited(2, 1, 0)), full(1, HOUR_MS - 3));
    assert_eq!((store.wallet(ANN).rate.hour.count, store.wallet(ANN).rate.day.count), (1, 1));
}

#[test]
fn clocks_may_differ_but_a_wrong_one_locks_nobody_out() {
    let mut store = rich();
    store.run_one(at(10_000), limited(1, 1, 0)).unwrap();
    assert_eq!(store.run_one(at(4_000), limited(2, 1, 0)), full(1, HOUR_MS + 6_000));
    let mut store = rich();
    store.run_one(at(400 * DAY_MS), limited(1, 1, 1)).unwrap();
    store.run_one(at(0), limited(2, 1, 1)).unwrap();
    let mut store = rich();
    store.run_one(at(400 * DAY_MS), budgeted(1, 5, 5)).unwrap();
    store.run_one(at(0), budgeted(2, 5, 5)).unwrap();
}

#[test]
fn the_tighter_limit_is_shown() {
    let check = |begun: i64, limits: (i64, i64), shown: Option<(i64, i64, i64)>| {
        let mut store = rich();
        let at = |ms: i64| at(START_MS + ms);
        for generation in 1..=begun {
            store.run_one(at(0), limited(generation, 0, 0)).unwrap();
        }
        let limits = RateLimits { hourly: limits.0, daily: limits.1 };
        let state = store.wallet(ANN).rate.state(limits, at(1_500));
        assert_eq!(state.map(|state| (state.limit, state.remaining, state.reset_s())), shown, "{limits:?}");
    };
    check(0, (20, 150), Some((20, 20, 3_600)));
    check(5, (20, 150), Some((20, 15, 3_599)));
    check(5, (20, 10), Some((10, 5, 86_399)));
    check(5, (0, 10), Some((10, 5, 86_399)));
    check(5, (3, 10), Some((3, 0, 3_599)));
    check(5, (5, 5), Some((5, 0, 86_399)));
    check(5, (0, 0), None);
}

#[test]
fn a_budget_covers_what_is_held_and_spent_of_a_month() {
    let mut store = rich();
    assert_eq!(split_of(store.run_one(at(START_MS), budgeted(1, 6, 10))), super::held(0, 6));
    assert_eq!(store.run_one(at(START_MS), budgeted(2, 5, 10)), over_budget(5, 4));
    store.run_one(at(START_MS), resolve(ANN, 1, true)).unwrap();
    assert_eq!(store.run_one(at(START_MS), budgeted(2, 5, 10)), over_budget(5, 4));
    store.run_one(at(START_MS), budgeted(2, 4, 10)).unwrap();
    assert_eq!(store.run_one(at(START_MS), budgeted(3, 1, 10)), over_budget(1, 0));
    // A failed one gives back what it had taken, once.
    for is_first in [true, false] {
        let answer = resolved(false, is_first, 0, 994);
        assert_eq!(store.run_one(at(START_MS), resolve(ANN, 2, false)), answer);
    }
    store.run_one(at(START_MS), budgeted(3, 4, 10)).unwrap();
    // Another key has its own; one without a budget is not counted at all.
    let other = HoldRequest { key_id: Some(KeyId(2)), key_budget_tokens: Some(7), ..request(ANN, 4, 7) };
    store.run_one(at(START_MS), Command::Hold(other)).unwrap();
    store.run_one(at(START_MS), super::hold(ANN, 5, 100)).unwrap();
    let uses: Vec<i64> = store.key_uses.values().map(|used| used.used_tokens).collect();
    assert_eq!(uses, [10, 7]);
}

#[test]
fn a_new_month_has_the_whole_budget() {
    // 2026-12-01T00:00:00Z
    let december = START_MS + 9 * DAY_MS;
    let mut store = rich();
    store.run_one(at(december - 1), budgeted(1, 6, 10)).unwrap();
    store.run_one(at(december - 1), budgeted(2, 4, 10)).unwrap();
    assert_eq!(store.run_one(at(december - 1), budgeted(3, 1, 10)), over_budget(1, 0));
    store.run_one(at(december), budgeted(3, 7, 10)).unwrap();
    // What was held in November comes back to November.
    store.run_one(at(december), resolve(ANN, 1, false)).unwrap();
    assert_eq!(store.run_one(at(december), budgeted(4, 4, 10)), over_budget(4, 3));
    store.run_one(at(december), resolve(ANN, 3, false)).unwrap();
    store.run_one(at(december), budgeted(4, 10, 10)).unwrap();
    // A clock that is behind counts in the month that has begun.
    assert_eq!(store.run_one(at(december - 1), budgeted(5, 1, 10)), over_budget(1, 0));
    let december = KeyUse { month: Month(2026 * 12 + 11), used_tokens: 10 };
    assert_eq!(store.key_uses[&(ANN, KEY)], december);
}

#[test]
fn a_name_begins_one_generation() {
    let mut store = rich();
    let again = Ok(Outcome::Bound(GenerationId(1)));
    let batch = vec![named(1, "a", 1), named(2, "a", 1), named(3, "a", 2), named(4, "b", 2)];
    let answers = store.run(at(0), batch);
    assert!(matches!(answers[0], Ok(Outcome::Held(Held { balance_tokens: 999, .. }))), "{answers:?}");
    assert_eq!((&answers[1], &answers[2]), (&again, &Err(Refusal::BoundOtherwise)));
    assert!(answers[3].is_ok());
    check(&store, (0, 998), (0, 2));
    for is_completed in [true, false] {
        assert_eq!(store.run_one(at(1), named(5, "a", 1)), again);
        store.run_one(at(1), resolve(ANN, 1, is_completed)).unwrap();
    }
    assert_eq!(store.run_one(at(2), named(5, "a", 3)), Err(Refusal::BoundOtherwise));
    assert_eq!(store.wallet(ANN).rate.day.count, 2);
}

#[test]
fn a_refusal_binds_nothing_and_a_repeat_needs_nothing() {
    let mut store = rich();
    let Command::Hold(first) = named(1, "a", 1) else { unreachable!() };
    let dear = HoldRequest { price_tokens: 2_000, ..first.clone() };
    store.run_one(at(0), Command::Hold(dear)).unwrap_err();
    let limits = RateLimits { hourly: 1, daily: 1 };
    let tight = HoldRequest { limits, key_budget_tokens: Some(1), ..first };
    store.run_one(at(0), Command::Hold(tight.clone())).unwrap();
    let repeat = HoldRequest { generation_id: GenerationId(2), price_tokens: 5_000, ..tight };
    assert_eq!(store.run_one(at(1), Command::Hold(repeat)), Ok(Outcome::Bound(GenerationId(1))));
}

/// Nor does it within its batch, in which nothing has been written yet.
#[test]
fn a_refusal_binds_nothing_for_those_that_came_with_it() {
    let mut store = rich();
    let request = |generation: i64, price_tokens: i64, budget: i64| {
        let Command::Hold(request) = named(generation, "a", 1) else { unreachable!() };
        Command::Hold(HoldRequest { price_tokens, key_budget_tokens: Some(budget), ..request })
    };
    let together = vec![request(1, 2_000, 5_000), request(2, 7, 6), request(3, 6, 6), request(4, 6, 6)];
    let answers = store.run(at(0), together);
    assert!(answers[0].is_err() && answers[1].is_err(), "{answers:?}");
    assert!(matches!(answers[2], Ok(Outcome::Held(_))), "{answers:?}");
    assert_eq!(answers[3], Ok(Outcome::Bound(GenerationId(3))));
}

const ACCOUNTS: [AccountId; 2] = [AccountId(1), AccountId(2)];

fn hold() -> impl Strategy<Value = Command<()>> {
    let limits = prop_oneof![Just((0, 0)), (0_i64..6, 0_i64..12)];
    let budget = prop_oneof![1 => Just(None), 2 => (1_i64..40).prop_map(Some)];
    let name = prop_oneof![1 => Just(None), 1 => (0_u8..6, 0_u8..2).prop_map(Some)];
    let ids = (0_usize..2, 1_i64..40, 1_i64..3, 1_i64..15);
    (ids, limits, budget, name).prop_map(|((account, id, key, price), (hourly, daily), budget, name)| {
        Command::Hold(HoldRequest {
            key_id: Some(KeyId(key)),
            limits: RateLimits { hourly, daily },
            key_budget_tokens: budget,
            binding: name.map(|(name, what)| Binding {
                key: name.to_string(),
                fingerprint: [what; 32],
                wait_ms: None,
            }),
            ..request(ACCOUNTS[account], id, price)
        })
    })
}

fn command() -> impl Strategy<Value = Command<()>> {
    prop_oneof![
        3 => hold(),
        2 => (0_usize..2, 1_i64..40, any::<bool>())
            .prop_map(|(account, id, done)| resolve(ACCOUNTS[account], id, done)),
    ]
}

/// Milliseconds from one batch to the next: often none, sometimes the end of an hour, a day or a month.
fn wait_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0),
        4 => 0..HOUR_MS,
        2 => Just(HOUR_MS),
        2 => 0..2 * DAY_MS,
        1 => Just(DAY_MS),
        1 => 0..20 * DAY_MS,
    ]
}

fn check_admission(store: &Store, model: &Model, now: Timestamp) {
    for account in ACCOUNTS {
        assert_eq!(store.wallet(account).rate, model.rate(account), "{account}");
        for key in 1..3 {
            let used = store.key_uses.get(&(account, KeyId(key))).copied().unwrap_or_default();
            let used = used.at(Month::of(now)).used_tokens;
            assert_eq!(used, model.used(now, account, key), "{account}, key {key}");
        }
    }
}

proptest! {
    #![proptest_config(crate::at_least(500))]

    #[test]
    fn admission_does_what_the_model_does(
        batches in prop::collection::vec((wait_ms(), prop::collection::vec(command(), 1..6)), 1..40),
    ) {
        let (mut store, mut model) = (Store::new(ACCOUNTS), Model::new(ACCOUNTS));
        let mut now = at(START_MS);
        for account in ACCOUNTS {
            let grant = super::grant(account, account.0, Reason::Grant, 150);
            model.run(now, &grant).unwrap();
            store.run_one(now, grant).unwrap();
        }
        for (wait_ms, commands) in batches {
            now = now.plus_ms(wait_ms);
            let expected: Vec<_> = commands.iter().map(|command| model.run(now, command)).collect();
            prop_assert_eq!(store.run(now, commands.clone()), expected, "at {}: {:?}", now, commands);
            check_admission(&store, &model, now);
        }
    }

    /// Whatever the prices, and whether they come in one transaction or each in its own.
    #[test]
    fn exactly_as_many_are_admitted_as_limit_and_budget_allow(
        limit in 1_i64..20,
        budget in 1_i64..100,
        price in 1_i64..10,
        requests in 1_i64..40,
        is_one_batch: bool,
    ) {
        let mut store = rich();
        let limits = RateLimits { hourly: limit, daily: 0 };
        let commands: Vec<_> = (1..=requests)
            .map(|id| HoldRequest { limits, key_budget_tokens: Some(budget), ..request(ANN, id, price) })
            .map(Command::Hold)
            .collect();
        let answers: Vec<_> = if is_one_batch {
            store.run(at(START_MS), commands)
        } else {
            commands.into_iter().map(|command| store.run_one(at(START_MS), command)).collect()
        };
        let admitted = i64::try_from(answers.iter().filter(|answer| answer.is_ok()).count()).unwrap();
        prop_assert_eq!(admitted, requests.min(limit).min(budget / price));
    }
}
