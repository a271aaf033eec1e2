//! Random commands, carried out by the ledger and by the model, compared after every batch.

use super::{at, expire, grant, hold, model::Model, open_cycle_of, resolve, store::Store};
use domain::{
    id::{AccountId, CycleId, GenerationId},
    ledger::{Bucket, Command, GiveBack, Leg, MAX_AMOUNT_TOKENS, Outcome, Reason, TakeBack},
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

/// A command, or one that needs to know how things stand.
#[derive(Clone, Debug)]
enum Step {
    Plain(Command<()>),
    /// Take a part of what is there now, in percent.
    TakeSeen(TakeBack, i64),
}

impl Step {
    fn command(self, model: &Model) -> Command<()> {
        match self {
            Self::Plain(command) => command,
            Self::TakeSeen(take, percent) => {
                let seen = model.seen(take.account_id, take.bucket);
                Command::TakeBack(TakeBack { seen, amount_tokens: seen.0 * percent / 100, ..take })
            }
        }
    }
}

/// Where the ids of each kind of thing begin: no two things share one.
const STARTERS: i64 = 100;
const CYCLES: i64 = 200;
const REFUNDS: i64 = 300;
const PAYMENTS: i64 = 400;
const TAKES: i64 = 500;
const GRANTS: i64 = 600;
const PACKAGES: i64 = 700;

fn cycle_id() -> impl Strategy<Value = i64> {
    CYCLES + 1..CYCLES + 7
}

fn bucket() -> impl Strategy<Value = Bucket> {
    prop_oneof![Just(Bucket::Permanent), cycle_id().prop_map(|id| Bucket::Plan(CycleId(id)))]
}

/// Why permanent tokens are given, and where the ids of that begin.
fn granted() -> impl Strategy<Value = (Reason, i64)> {
    prop_oneof![
        Just((Reason::Starter, STARTERS)),
        Just((Reason::Grant, GRANTS)),
        Just((Reason::Package, PACKAGES))
    ]
}

/// Why tokens are taken, why they are given back, and for what.
fn source() -> impl Strategy<Value = (Reason, Reason, i64)> {
    prop_oneof![
        (1_i64..5).prop_map(|id| (Reason::Refund, Reason::RefundReturn, REFUNDS + id)),
        (5_i64..9).prop_map(|id| (Reason::Chargeback, Reason::RefundReturn, REFUNDS + id)),
        (1_i64..5).prop_map(|id| (Reason::TradeIn, Reason::TradeInReturn, PAYMENTS + id)),
    ]
}

fn take_back() -> impl Strategy<Value = TakeBack> {
    let owed = prop_oneof![3 => Just(0), 3 => 1_i64..80, 1 => amount()];
    let seen = (0_i64..60, 0_i64..5);
    (account(), source(), bucket(), amount(), owed, seen).prop_map(
        |(account_id, (reason, _, source_id), bucket, amount_tokens, owed_tokens, seen)| TakeBack {
            account_id,
            reason,
            source_id,
            bucket,
            amount_tokens,
            owed_tokens,
            seen,
        },
    )
}

fn give_back() -> impl Strategy<Value = Command<()>> {
    (account(), source(), bucket(), amount()).prop_map(
        |(account_id, (taken_as, reason, source_id), bucket, amount_tokens)| {
            Command::GiveBack(GiveBack { account_id, reason, taken_as, source_id, bucket, amount_tokens })
        },
    )
}

/// Few ids, so that commands meet each other; cycles come in any order, and may have ended before.
fn step() -> impl Strategy<Value = Step> {
    let plain = prop_oneof![
        6 => (account(), 1_i64..15, amount()).prop_map(|(account, id, price)| hold(account, id, price)),
        6 => (account(), 1_i64..15, any::<bool>()).prop_map(|(account, id, done)| resolve(account, id, done)),
        3 => (account(), granted(), 1_i64..6, amount())
            .prop_map(|(account, (reason, ids), id, tokens)| grant(account, ids + id, reason, tokens)),
        3 => (account(), cycle_id(), 0_i64..400, 1_i64..200, amount()).prop_map(
            |(account, id, start, length, tokens)| open_cycle_of(account, id, (at(start), at(start + length)), tokens)
        ),
        2 => (account(), cycle_id()).prop_map(|(account, id)| expire(account, id)),
        1 => (account(), cycle_id(), 0_i64..700).prop_map(|(account_id, id, until)| {
            Command::KeepPlan { account_id, cycle_id: CycleId(id), plan_until: at(until) }
        }),
        1 => (account(), cycle_id())
            .prop_map(|(account_id, id)| Command::EndCycle { account_id, cycle_id: CycleId(id) }),
        1 => take_back().prop_map(Command::TakeBack),
        3 => give_back(),
        2 => (account(), 1_i64..5, amount())
            .prop_map(|(account_id, id, amount_tokens)| Command::Take { account_id, source_id: TAKES + id, amount_tokens }),
        4 => (account(), 1_i64..15)
            .prop_map(|(account_id, id)| Command::RefundCharge { account_id, generation_id: GenerationId(id) }),
    ];
    prop_oneof![8 => plain.prop_map(Step::Plain), 1 => (take_back(), 0_i64..=100).prop_map(|(take, part)| Step::TakeSeen(take, part))]
}

/// Batches, and how many milliseconds after the one before each comes.
fn batches() -> impl Strategy<Value = Vec<(i64, Vec<Step>)>> {
    let wait_ms = prop_oneof![3 => Just(0_i64), 2 => 1_i64..40];
    prop::collection::vec((wait_ms, prop::collection::vec(step(), 1..5)), 1..40)
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
        assert_eq!(wallet.plan(now).is_some(), model.has_plan(account, now), "plan: {wallet:?}");

        let totals = model.totals(account);
        assert_eq!(wallet.owed_tokens, totals.owed, "owed: {wallet:?}");
        let balance = |leg| store.balance(account, leg);
        assert_eq!(balance(Leg::Plan), available.0 + held.0, "replay: {wallet:?}");
        assert_eq!(balance(Leg::Permanent), available.1 + held.1, "replay: {wallet:?}");
        assert_eq!(-balance(Leg::Issued), totals.issued);
        assert_eq!(balance(Leg::Spent), totals.spent);
        assert_eq!(balance(Leg::Expired), totals.expired);
        assert_eq!(balance(Leg::Adjusted), totals.adjusted);
        assert_eq!(-balance(Leg::Owed), totals.owed);
        let there = available.0 + held.0 + available.1 + held.1;
        let gone = totals.spent + totals.expired + totals.adjusted - totals.owed;
        assert_eq!(totals.issued, there + gone, "{totals:?}");
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
    #![proptest_config(crate::at_least(1_000))]

    #[test]
    fn the_ledger_does_what_the_model_does(batches in batches()) {
        let (mut store, mut model) = (Store::new(ACCOUNTS), Model::new(ACCOUNTS));
        let mut now_ms = 0;
        for (wait_ms, steps) in batches {
            now_ms += wait_ms;
            let now = at(now_ms);
            let (mut commands, mut expected) = (Vec::new(), Vec::new());
            for step in steps {
                let command = step.command(&model);
                expected.push(model.run(now, &command));
                commands.push(command);
            }
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
    fn batches_can_be_cut_anywhere(steps in prop::collection::vec(step(), 1..60)) {
        let (mut together, mut alone) = (Store::new(ACCOUNTS), Store::new(ACCOUNTS));
        let mut model = Model::new(ACCOUNTS);
        let mut commands = Vec::new();
        for step in steps {
            let command = step.command(&model);
            drop(model.run(at(10), &command));
            commands.push(command);
        }
        let answers = together.run(at(10), commands.clone());
        let one_by_one: Vec<Result<Outcome, _>> =
            commands.into_iter().map(|command| alone.run_one(at(10), command)).collect();
        prop_assert_eq!(answers, one_by_one);
        prop_assert_eq!(together, alone);
    }
}
