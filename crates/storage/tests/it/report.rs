//! The report over a small history, reckoned by hand.

use crate::support::Bench;
use domain::{
    billing::{
        Currency, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus,
        report::{Flow, Margin, Report, ReportTerms},
    },
    id::{AccountId, GrantId},
    ledger::{Bucket, Command, OpenCycle, PaidCycle, Reason, TakeBack},
    port::PaymentMethod,
    time::{DAY_MS, Timestamp},
};
use storage::{BillingWrite, Completion};
use testkit::TestDatabase;

testkit::on_each_database!(a_history_is_reckoned, every_account_is_read, damage_is_named);

/// A dollar at which a micro-dollar is a kopeck.
fn terms(from: Timestamp, to: Timestamp) -> ReportTerms {
    ReportTerms { from, to, kopecks_per_star: 120, kopecks_per_usd: 1_000_000 }
}

async fn report(bench: &Bench, from: Timestamp, to: Timestamp) -> Report {
    bench.storage.billing_report(terms(from, to), |_, _| {}).await.unwrap()
}

async fn run(bench: &Bench, command: Command<Completion>) {
    bench.storage.ledger().run(command).await.unwrap();
}

async fn spend(bench: &Bench, account: AccountId, tokens: i64) {
    let hold = bench.hold(account, tokens).await.unwrap();
    bench.complete(hold).await;
}

/// A package that is paid and entered.
async fn package(bench: &Bench, account: AccountId, amount: Money, tokens: i64) -> Payment {
    let is_stars = amount.currency == Currency::Xtr;
    let payment = Payment {
        kind: PaymentKind::Package,
        item: "light".to_owned(),
        method: if is_stars { PaymentMethod::TelegramStars } else { PaymentMethod::Yookassa },
        status: PaymentStatus::Succeeded,
        amount,
        tokens,
        paid_at: Some(bench.now()),
        ..bench.payment(account).await
    };
    let write = BillingWrite { new_payments: vec![payment.clone()], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    let (grant_id, reason) = (GrantId(payment.id.0), Reason::Package);
    run(bench, Command::Grant { account_id: account, grant_id, reason, amount_tokens: tokens }).await;
    payment
}

/// A cycle that is paid and opened.
async fn cycle(bench: &Bench, account: AccountId) {
    let payment = bench.payment(account).await;
    let paid_by = PaidCycle {
        subscription_id: payment.subscription_id.unwrap(),
        cycle_index: 0,
        payment_id: payment.id,
    };
    // A part of its price is what an earlier plan was worth.
    let payment = Payment {
        status: PaymentStatus::Succeeded,
        amount: Money::kopecks(60_000),
        credit_minor: 29_000,
        paid_at: Some(bench.now()),
        ..payment
    };
    let write = BillingWrite { new_payments: vec![payment], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    let open = bench.cycle(account, 300).await;
    run(bench, Command::OpenCycle(OpenCycle { paid_by: Some(paid_by), ..open })).await;
}

/// A refund of a package that takes `tokens`, and enters `owed` ones as a debt.
async fn refund(bench: &Bench, payment: &Payment, kind: RefundKind, minor: i64, (tokens, owed): (i64, i64)) {
    let refund = Refund {
        kind,
        status: RefundStatus::Succeeded,
        amount: Money { amount_minor: minor, ..payment.amount },
        cycle_id: None,
        ..bench.refund(payment).await
    };
    let take = TakeBack {
        account_id: payment.account_id,
        reason: if kind == RefundKind::Chargeback { Reason::Chargeback } else { Reason::Refund },
        source_id: refund.id.0,
        bucket: Bucket::Permanent,
        amount_tokens: tokens,
        owed_tokens: owed,
        seen: bench.wallet(payment.account_id).await.seen(Bucket::Permanent),
    };
    let write = BillingWrite { new_refunds: vec![refund], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    run(bench, Command::TakeBack(take)).await;
}

fn flow(tokens: i64, kopecks: i64) -> Flow {
    Flow { tokens, kopecks }
}

async fn a_history_is_reckoned(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    // Before the time: Ann gets 50 tokens for nothing, and uses 10 of them.
    let ann = bench.account(0, 50).await;
    spend(&bench, ann, 10).await;
    bench.clock.advance_ms(DAY_MS);
    let from = bench.now();
    // Ann pays 449 roubles for 100 tokens, and with what she had 890 for a cycle of 300.
    let light = package(&bench, ann, Money::kopecks(44_900), 100).await;
    cycle(&bench, ann).await;
    // 100 of the cycle are 296.66 roubles, the other 200 the rest of 593.34; then 40 for nothing and 10 for 44.90.
    spend(&bench, ann, 100).await;
    spend(&bench, ann, 250).await;
    spend(&bench, ann, 20).await;
    // 70 tokens of the package are left and go back for 314.30.
    refund(&bench, &light, RefundKind::Granted, 31_430, (70, 0)).await;
    // Bob pays 100 Stars for 50 tokens, uses 20 (48 roubles), and has the Stars taken back; what he gets then pays his debt.
    let bob = bench.account(0, 0).await;
    let stars = package(&bench, bob, Money::stars(100), 50).await;
    spend(&bench, bob, 20).await;
    refund(&bench, &stars, RefundKind::Chargeback, 100, (30, 20)).await;
    let (grant_id, reason) = (GrantId(bench.id().await), Reason::Grant);
    run(&bench, Command::Grant { account_id: bob, grant_id, reason, amount_tokens: 25 }).await;
    // Cid has a cycle from an operator, with a hold, and pays 24.90 for 3 tokens of which he uses none.
    let cid = bench.account(10, 0).await;
    let hold = bench.hold(cid, 4).await.unwrap();
    package(&bench, cid, Money::kopecks(2_490), 3).await;
    bench.clock.advance_ms(DAY_MS);
    let to = bench.now();
    let check = |report: Report| {
        assert_eq!(report.problems, []);
        assert_eq!(report.plan.granted, flow(310, 89_000));
        assert_eq!(report.plan.spent, flow(300, 89_000));
        assert_eq!((report.plan.opening, report.plan.closing), (flow(0, 0), flow(10, 0)));
        assert_eq!(report.permanent.opening, flow(40, 0));
        assert_eq!(report.permanent.granted, flow(178, 44_900 + 12_000 + 2_490));
        assert_eq!(report.permanent.spent, flow(50 + 20 + 20, 4_490 + 8_980 + 4_800));
        assert_eq!(report.permanent.adjusted, flow(100, 31_430 + 7_200));
        assert_eq!(report.permanent.recovered, flow(20, 0));
        assert_eq!(report.permanent.closing, flow(8, 2_490));
        assert_eq!(report.liability(), flow(18, 2_490));
        assert_eq!((report.debts.incurred_tokens, report.debts.closing_tokens()), (20, 0));
        assert_eq!(report.granted[&Reason::Package], flow(153, 59_390));
        assert_eq!(report.granted[&Reason::Grant], flow(25, 0));
        assert_eq!(report.granted[&Reason::Allowance], flow(310, 89_000));
        let sold: Vec<_> = report.sold.iter().map(|(item, sold)| (item.kind, item.currency, *sold)).collect();
        let sold: Vec<_> =
            sold.iter().map(|(kind, of, sold)| (*kind, *of, sold.count, sold.amount_minor)).collect();
        assert_eq!(
            sold,
            [
                (PaymentKind::Subscription, Currency::Rub, 1, 60_000),
                (PaymentKind::Package, Currency::Rub, 2, 47_390),
                (PaymentKind::Package, Currency::Xtr, 1, 100),
            ]
        );
        let refunded: Vec<_> = report.refunded.iter().map(|(of, sold)| (*of, sold.amount_minor)).collect();
        assert_eq!(
            refunded,
            [((RefundKind::Granted, Currency::Rub), 31_430), ((RefundKind::Chargeback, Currency::Xtr), 100),]
        );
        let expected = Margin {
            generations: 4,
            without_cost: 0,
            tokens: 390,
            revenue_kopecks: 89_000 + 4_490 + 8_980 + 4_800,
            cost_micro_usd: 48,
            cost_kopecks: 48,
        };
        assert_eq!(report.margins()["gpt-5"], expected);
        assert_eq!(report.total_margin(), expected);
        assert_eq!(expected.margin_kopecks(), 107_222);
    };
    check(report(&bench, from, to).await);
    // What comes later changes nothing of it.
    bench.complete(hold).await;
    spend(&bench, cid, 9).await;
    package(&bench, bob, Money::kopecks(44_900), 100).await;
    check(report(&bench, from, to).await);
    // Nor does it matter how a time is cut.
    let (first, second) =
        (report(&bench, Timestamp::default(), from).await, report(&bench, to, to.plus_ms(1)).await);
    assert_eq!(first.permanent.closing, flow(40, 0));
    assert_eq!(second.permanent.opening, flow(8, 2_490));
    assert_eq!(second.plan.spent, flow(10, 0));
    assert_eq!(second.permanent.spent, flow(3, 2_490));
    assert_eq!((first.problems, second.problems), (vec![], vec![]));
    bench.assert_verifies().await;
}

/// More than one page of accounts.
async fn every_account_is_read(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    for n in 0..203 {
        bench.account(n % 2, 3).await;
    }
    let mut heard = Vec::new();
    let terms = terms(bench.now(), bench.now().plus_ms(1));
    let report = bench.storage.billing_report(terms, |accounts, entries| heard.push((accounts, entries)));
    let report = report.await.unwrap();
    assert_eq!((report.accounts, report.entries, report.problems.len()), (203, 304, 0));
    assert_eq!((report.permanent.closing.tokens, report.plan.closing.tokens), (609, 101));
    assert_eq!(heard, [(200, 300), (203, 304)]);
}

async fn damage_is_named(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let (from, to) = (bench.now(), bench.now().plus_ms(1));
    assert_eq!(report(&bench, from, to).await.problems, []);
    for (harm, repair, what) in [
        ("permanent_held = 2", "permanent_held = 0", "permanent tokens: wallet 7, entries 5"),
        ("plan_available = 9", "plan_available = 10", "plan tokens: wallet 9, entries 10"),
        ("owed_tokens = 1", "owed_tokens = 0", "owed tokens: wallet 1, entries 0"),
    ] {
        database.execute(&format!("UPDATE wallets SET {harm}")).await.unwrap();
        let problems = report(&bench, from, to).await.problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].account_id, problems[0].message.as_str()), (Some(account), what));
        database.execute(&format!("UPDATE wallets SET {repair}")).await.unwrap();
    }
    // A cycle that is lost leaves its tokens without a price.
    database.execute("DELETE FROM cycles").await.unwrap();
    assert!(!report(&bench, from, to).await.problems.is_empty());
}
