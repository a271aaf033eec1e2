//! The report against a reckoning token by token.

mod naive;

use domain::{
    billing::report::{AccountReckoning, Report, ReportTerms},
    id::AccountId,
    time::Timestamp,
};
use naive::{Act, World};
use proptest::prelude::*;

pub(super) const TERMS: ReportTerms = ReportTerms {
    from: Timestamp::from_unix_ms(1_000),
    to: Timestamp::from_unix_ms(2_000),
    kopecks_per_star: 120,
    kopecks_per_usd: 9_200,
};

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (1_i64..20_000, 1_i64..40, any::<bool>())
            .prop_map(|(price, tokens, is_stars)| Act::Package { price, tokens, is_stars }),
        1 => (1_i64..20).prop_map(|tokens| Act::Grant { tokens }),
        2 => (prop::option::of(1_i64..20_000), 1_i64..40, 1_i64..900)
            .prop_map(|(price, tokens, length_ms)| Act::Cycle { price, tokens, length_ms }),
        8 => (0_usize..4, 1_i64..25, prop::option::of(0_i64..9_000_000))
            .prop_map(|(model, tokens, cost)| Act::Use { model, tokens, cost }),
        1 => Just(Act::Expire),
        1 => (0_usize..8, any::<bool>()).prop_map(|(lot, comes_back)| Act::Refund { lot, comes_back }),
        1 => any::<bool>().prop_map(|comes_back| Act::TradeIn { comes_back }),
        1 => (1_i64..30).prop_map(|tokens| Act::Owe { tokens }),
    ]
}

fn check(world: World) {
    let expected = world.naive();
    let mut report = Report::new(TERMS);
    for account in world.accounts() {
        let mut reckoning = AccountReckoning::open(&mut report, account.books());
        for (entry, generation) in account.movements() {
            reckoning.enter(&mut report, &entry, generation.as_ref());
        }
        reckoning.close(&mut report);
    }
    report.check();
    assert_eq!(report.problems, []);
    assert_eq!((report.plan, report.permanent), (expected.plan, expected.permanent));
    assert_eq!(report.debts.closing_tokens(), expected.owed);
    let margins = report.margins();
    for (model, margin) in &margins {
        let expected = expected.models[model];
        let found = (margin.generations, margin.tokens, margin.revenue_kopecks, margin.cost_micro_usd);
        assert_eq!(found, expected, "{model}");
    }
    assert_eq!(margins.len(), expected.models.len());
    // Parts add up to the whole.
    let total = report.total_margin();
    let sum = |part: fn(&domain::billing::report::Margin) -> i64| margins.values().map(part).sum::<i64>();
    assert_eq!(sum(|margin| margin.cost_kopecks), total.cost_kopecks);
    assert_eq!(total.cost_kopecks, total.cost_micro_usd * 9_200 / 1_000_000);
    assert_eq!(sum(|margin| margin.margin_kopecks()), total.margin_kopecks());
    let granted =
        report.granted.values().fold((0, 0), |sum, flow| (sum.0 + flow.tokens, sum.1 + flow.kopecks));
    let by_bucket = report.plan.granted.plus(report.permanent.granted);
    assert_eq!(granted, (by_bucket.tokens, by_bucket.kopecks));
    assert_eq!(report.sold.values().map(|sold| sold.count).sum::<i64>(), expected.sold);
}

proptest! {
    #![proptest_config(crate::at_least(500))]

    /// Whatever happens in some accounts before, in and after the time of the report. No two things happen at one instant, for
    /// their order decides what is rounded.
    #[test]
    fn a_report_is_the_sum_of_its_tokens(acts in prop::collection::vec((0_i64..3, 1_i64..60, act()), 1..120)) {
        let mut world = World::new((1..=3).map(AccountId));
        for (account, wait_ms, act) in acts {
            world.act(AccountId(account + 1), wait_ms, act);
        }
        check(world);
    }
}

#[test]
fn a_wallet_that_has_something_else_is_named() {
    let mut world = World::new([AccountId(1)]);
    world.act(AccountId(1), 1_500, Act::Grant { tokens: 5 });
    let mut report = Report::new(TERMS);
    let account = world.accounts().next().unwrap();
    let mut books = account.books();
    books.wallet.permanent_available += 1;
    let mut reckoning = AccountReckoning::open(&mut report, books);
    for (entry, generation) in account.movements() {
        reckoning.enter(&mut report, &entry, generation.as_ref());
    }
    reckoning.close(&mut report);
    let [problem] = report.problems.as_slice() else { unreachable!("{:?}", report.problems) };
    assert_eq!(problem.account_id, Some(AccountId(1)));
    assert_eq!(problem.message, "permanent tokens: wallet 6, entries 5");
}

/// A charge that seems to come before the tokens that it used came back, by another process's clock.
#[test]
fn what_seems_to_be_spent_too_early_is_reckoned_all_the_same() {
    let mut world = World::new([AccountId(1)]);
    world.act(AccountId(1), 1_100, Act::Package { price: 1_000, tokens: 10, is_stars: false });
    world.act(AccountId(1), 10, Act::Refund { lot: 0, comes_back: true });
    world.act(AccountId(1), 10, Act::Use { model: 1, tokens: 4, cost: Some(7) });
    let account = world.accounts().next().unwrap();
    let mut movements = account.movements();
    let [came, taken, returned, charged] = movements.as_mut_slice() else { unreachable!("{movements:?}") };
    assert_eq!(came.0.amount_tokens + charged.0.amount_tokens, 14);
    (returned.0.created_at, charged.0.created_at) = (charged.0.created_at, taken.0.created_at.plus_ms(1));
    movements.sort_by_key(|(entry, _)| entry.created_at);
    let mut report = Report::new(TERMS);
    let mut reckoning = AccountReckoning::open(&mut report, account.books());
    for (entry, generation) in movements {
        reckoning.enter(&mut report, &entry, generation.as_ref());
    }
    reckoning.close(&mut report);
    report.check();
    assert_eq!(report.problems, []);
    assert_eq!((report.permanent.spent.tokens, report.permanent.spent.kopecks), (4, 400));
    assert_eq!(report.margins()["gpt-5"].revenue_kopecks, 400);
}

#[test]
fn an_entry_that_is_missing_is_noticed() {
    let mut world = World::new([AccountId(1)]);
    world.act(AccountId(1), 0, Act::Cycle { price: Some(100), tokens: 10, length_ms: 5_000 });
    world.act(AccountId(1), 1_500, Act::Use { model: 0, tokens: 4, cost: None });
    let account = world.accounts().next().unwrap();
    let mut report = Report::new(TERMS);
    let mut books = account.books();
    // The allowance is on record, but not its cycle.
    books.cycles.clear();
    let mut reckoning = AccountReckoning::open(&mut report, books);
    for (entry, generation) in account.movements() {
        reckoning.enter(&mut report, &entry, generation.as_ref());
    }
    reckoning.close(&mut report);
    assert!(!report.problems.is_empty());
}
