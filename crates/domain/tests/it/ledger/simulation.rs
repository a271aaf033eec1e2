//! Random commands, carried out by the ledger and by the model, compared after every batch.

use super::{at, expire, grant, hold, model::Model, open_cycle, resolve, store::Store};
use domain::{
    id::{AccountId, GenerationId},
    ledger::{Command, Leg, MAX_AMOUNT_TOKENS, Outcome, Reason},
    time::Timestamp,
};
use proptest::prelude::*;

const ACCOUNTS: [AccountId; 2] = [AccountId(1), AccountId(2)];
/// Nobody has this account.
const STRANGER: AccountId = AccountId(3);

fn account() -> impl Strategy<Value = AccountId> {
    prop_oneof![9 => Just(ACCOUNTS[0]), 6 => Just(ACCOUNTS[1]), 1 => Just(STRANGER)]
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => 1_i64..60,
        1 => prop_oneof![Just(0), Just(-1), Just(i64::MIN), Just(MAX_AMOUNT_TOKENS + 1), Just(i64::MAX)],
    ]
}

/// Few ids, so that commands meet each other; an end of a cycle may lie in the past.
fn command() -> impl Strategy<Value = Command<()>> {
    let reason = prop_oneof![Just(Reason::Grant), Just(Reason::Starter)];
    prop_oneof![
        6 => (account(), 1_i64..15, amount()).prop_map(|(account, id, price)| hold(account, id, price)),
        6 => (account(), 1_i64..15, any::<bool>()).prop_map(|(account, id, done)| resolve(account, id, done)),
        2 => (account(), 1_i64..6, reason, amount())
            .prop_map(|(account, id, reason, tokens)| grant(account, id, reason, tokens)),
        2 => (account(), 1_i64..6, 0_i64..500, amount())
            .prop_map(|(account, id, end, tokens)| open_cycle(account, id, at(end), tokens)),
        2 => (account(), 1_i64..6).prop_map(|(account, id)| expire(account, id)),
    ]
}

/// Batches, and how many milliseconds after the one before each comes.
fn batches() -> impl Strategy<Value = Vec<(i64, Vec<Command<()>>)>> {
    let wait_ms = prop_oneof![3 => Just(0_i64), 2 => 1_i64..40];
    prop::collection::vec((wait_ms, prop::collection::vec(command(), 1..5)), 1..40)
}

/// What must hold of every account at any time.
fn check(store: &Store, model: &Model, now: Timestamp) {
    for account in ACCOUNTS {
        let wallet = store.wallet(account);
        let available = (wallet.plan_available, wallet.permanent_available);
        let held = (wallet.plan_held, wallet.permanent_held);
        assert!([available.0, available.1, held.0, held.1].iter().all(|tokens| *tokens >= 0), "{wallet:?}");

        assert_eq!(available, model.available(account), "available: {wallet:?}");
        assert_eq!(held, model.held(account), "held: {wallet:?}");
        assert_eq!(wallet.spendable_tokens(now), model.spendable(account, now), "spendable: {wallet:?}");

        assert_eq!(store.balance(account, Leg::Plan), available.0 + held.0, "replay: {wallet:?}");
        assert_eq!(store.balance(account, Leg::Permanent), available.1 + held.1, "replay: {wallet:?}");
        assert_eq!(store.balance(account, Leg::Spent), model.spent(account));
        assert_eq!(store.balance(account, Leg::Expired), model.expired(account));
        assert_eq!(Leg::ALL.into_iter().map(|leg| store.balance(account, leg)).sum::<i64>(), 0);
    }
}

/// A hold's charge is its price when it completed, and nothing otherwise.
fn check_charges(store: &Store) {
    for account in ACCOUNTS {
        for id in 1..15 {
            let Some(stored) = store.hold(account, GenerationId(id)) else { continue };
            let charges = store.entries.iter().filter(|entry| {
                (entry.account_id, entry.reason, entry.source_id) == (account, Reason::Charge, id)
            });
            let charged: i64 = charges.map(|entry| entry.amount_tokens).sum();
            let price = stored.split.plan_tokens + stored.split.permanent_tokens;
            assert_eq!(charged, if stored.completed == Some(true) { price } else { 0 }, "{stored:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_ledger_does_what_the_model_does(batches in batches()) {
        let (mut store, mut model) = (Store::new(ACCOUNTS), Model::new(ACCOUNTS));
        let mut now_ms = 0;
        for (wait_ms, commands) in batches {
            now_ms += wait_ms;
            let now = at(now_ms);
            let expected: Vec<_> = commands.iter().map(|command| model.run(now, command)).collect();
            let before = store.clone();
            let answers = store.run(now, commands.clone());
            prop_assert_eq!(&answers, &expected, "at {} ms: {:?}", now_ms, commands);
            if answers.iter().all(Result::is_err) {
                prop_assert_eq!(&store, &before, "what is refused changes nothing");
            }
            check(&store, &model, now);
            check_charges(&store);
        }
    }

    /// How commands share transactions makes no difference.
    #[test]
    fn batches_can_be_cut_anywhere(commands in prop::collection::vec(command(), 1..60)) {
        let (mut together, mut alone) = (Store::new(ACCOUNTS), Store::new(ACCOUNTS));
        let answers = together.run(at(10), commands.clone());
        let one_by_one: Vec<Result<Outcome, _>> =
            commands.into_iter().map(|command| alone.run_one(at(10), command)).collect();
        prop_assert_eq!(answers, one_by_one);
        prop_assert_eq!(together, alone);
    }
}
