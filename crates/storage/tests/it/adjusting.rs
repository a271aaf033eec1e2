//! Taking back, giving back, and cycles of subscriptions: each once, over restarts and between processes.

use crate::support::{Bench, CYCLE_MS};
use domain::{
    id::{AccountId, CycleId, PaymentId, SubscriptionId},
    ledger::{Bucket, Command, GiveBack, OpenCycle, PaidCycle, Reason, Refusal, TakeBack, permanent_lots},
};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use storage::{Completion, LedgerError};
use testkit::TestDatabase;

testkit::on_each_database!(
    tokens_are_taken_and_given_back_once,
    nothing_is_taken_from_what_has_moved,
    a_debt_is_paid_from_what_is_given_next,
    a_plan_is_kept_without_its_tokens,
    a_cycle_is_ended_once,
    a_cycle_of_a_subscription_is_opened_once,
    a_cycle_that_comes_late_is_on_record,
    of_two_who_take_at_once_one_takes,
);

fn take(account_id: AccountId, bucket: Bucket, amount_tokens: i64, seen: (i64, i64)) -> TakeBack {
    let (reason, source_id) = (Reason::Refund, 777);
    TakeBack { account_id, reason, source_id, bucket, amount_tokens, owed_tokens: 0, seen }
}

async fn run(bench: &Bench, command: Command<Completion>) {
    bench.storage.ledger().run(command).await.unwrap();
}

async fn tokens_are_taken_and_given_back_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 20).await;
    let plan = Bucket::Plan(bench.wallet(account).await.cycle.unwrap().id);
    for (bucket, source_id, amount_tokens, seen, left) in
        [(plan, 1, 7, (10, 0), [3, 20, 0, 0]), (Bucket::Permanent, 2, 15, (20, 0), [10, 5, 0, 0])]
    {
        let take = TakeBack { source_id, ..take(account, bucket, amount_tokens, seen) };
        let (reason, taken_as) = (Reason::RefundReturn, Reason::Refund);
        let give = GiveBack { account_id: account, reason, taken_as, source_id, bucket, amount_tokens };
        // Nothing was taken yet.
        run(&bench, Command::GiveBack(give)).await;
        assert_eq!(bench.buckets(account).await, [10, 20, 0, 0]);
        for _ in 0..3 {
            run(&bench, Command::TakeBack(take)).await;
            assert_eq!(bench.buckets(account).await, left);
        }
        for _ in 0..3 {
            run(&bench, Command::GiveBack(give)).await;
            assert_eq!(bench.buckets(account).await, [10, 20, 0, 0]);
        }
        // Another process knows of it too.
        let other = Bench::new(&database).await;
        run(&other, Command::TakeBack(take)).await;
        assert_eq!(bench.buckets(account).await, [10, 20, 0, 0]);
    }
    let entries = bench.storage.permanent_entries(account).await.unwrap();
    assert_eq!(entries.len(), 3);
    let granted = entries.iter().find(|entry| entry.reason == Reason::Grant).unwrap().source_id;
    let lots = permanent_lots(&entries, 4, &BTreeMap::from([(2, granted)]));
    assert_eq!(lots.iter().map(|lot| lot.free_tokens).collect::<Vec<_>>(), [16]);
    bench.assert_verifies().await;
}

async fn nothing_is_taken_from_what_has_moved(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 20).await;
    let hold = bench.hold(account, 12).await.unwrap();
    for (bucket, seen) in [
        (Bucket::Permanent, (20, 0)),
        (Bucket::Permanent, (18, 0)),
        (Bucket::Plan(CycleId(1)), (10, 0)),
        (Bucket::Plan(CycleId(1)), (0, 0)),
    ] {
        let result = bench.storage.ledger().run(Command::TakeBack(take(account, bucket, 1, seen))).await;
        assert!(matches!(result, Err(LedgerError::Refused(Refusal::Moved))), "{bucket:?} {seen:?}");
    }
    assert_eq!(bench.buckets(account).await, [0, 18, 10, 2]);
    run(&bench, Command::TakeBack(take(account, Bucket::Permanent, 18, (18, 2)))).await;
    assert_eq!(bench.complete(hold).await.balance_tokens, 0);
    bench.assert_verifies().await;
}

async fn a_debt_is_paid_from_what_is_given_next(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 20).await;
    let chargeback = take(account, Bucket::Permanent, 20, (20, 0));
    let chargeback = TakeBack { reason: Reason::Chargeback, owed_tokens: 25, ..chargeback };
    for _ in 0..2 {
        run(&bench, Command::TakeBack(chargeback)).await;
        assert_eq!(bench.wallet(account).await.owed_tokens, 25);
    }
    let open = bench.cycle(account, 15).await;
    for _ in 0..2 {
        run(&bench, Command::OpenCycle(open.clone())).await;
        assert_eq!(bench.buckets(account).await, [0, 0, 0, 0]);
        assert_eq!(bench.wallet(account).await.owed_tokens, 10);
    }
    let grant_id = domain::id::GrantId(bench.id().await);
    let reason = Reason::Package;
    let grant = Command::Grant { account_id: account, grant_id, reason, amount_tokens: 50 };
    for _ in 0..2 {
        run(&bench, grant.clone()).await;
        assert_eq!(bench.buckets(account).await, [0, 40, 0, 0]);
        assert_eq!(bench.wallet(account).await.owed_tokens, 0);
    }
    bench.assert_verifies().await;
}

async fn a_plan_is_kept_without_its_tokens(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 3).await;
    let cycle = bench.wallet(account).await.cycle.unwrap();
    let plan_until = cycle.ends_at.plus_ms(1_000);
    for _ in 0..2 {
        run(&bench, Command::KeepPlan { account_id: account, cycle_id: cycle.id, plan_until }).await;
    }
    bench.clock.advance_ms(CYCLE_MS);
    let due = || async { bench.storage.ended_cycles(bench.now(), 10).await.unwrap() };
    assert_eq!(due().await, [(account, cycle.id)]);
    run(&bench, Command::Expire { account_id: account, cycle_id: cycle.id }).await;
    // Its tokens are swept, and nothing is due before its plan is over.
    assert_eq!(bench.buckets(account).await, [0, 3, 0, 0]);
    assert_eq!(bench.wallet(account).await.plan(bench.now()), Some("vip"));
    bench.clock.advance_ms(999);
    assert_eq!(due().await, []);
    bench.clock.advance_ms(1);
    assert_eq!(bench.wallet(account).await.plan(bench.now()), None);
    assert_eq!(due().await, [(account, cycle.id)]);
    for _ in 0..2 {
        run(&bench, Command::Expire { account_id: account, cycle_id: cycle.id }).await;
        assert_eq!(bench.wallet(account).await.cycle, None);
    }
    bench.assert_verifies().await;
}

async fn a_cycle_is_ended_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 3).await;
    let first = bench.wallet(account).await.cycle.unwrap().id;
    let end = Command::EndCycle { account_id: account, cycle_id: first };
    for _ in 0..2 {
        run(&bench, end.clone()).await;
        assert_eq!(bench.buckets(account).await, [0, 3, 0, 0]);
        assert_eq!(bench.wallet(account).await.cycle, None);
    }
    let open = bench.cycle(account, 5).await;
    run(&bench, Command::OpenCycle(open)).await;
    run(&bench, end).await;
    assert_eq!(bench.buckets(account).await, [5, 3, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_cycle_of_a_subscription_is_opened_once(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let bench = &processes[0];
    let account = bench.account(0, 3).await;
    let paid_by = PaidCycle { subscription_id: SubscriptionId(7), cycle_index: 0, payment_id: PaymentId(8) };
    // Many workers, each of which has minted an id of its own for the cycle.
    let mut opens = Vec::new();
    for _ in 0..8 {
        opens.push(OpenCycle { paid_by: Some(paid_by), ..bench.cycle(account, 300).await });
    }
    let tries = opens.into_iter().enumerate().map(|(n, open)| {
        let ledger = processes[n % 2].storage.ledger();
        async move { ledger.run(Command::OpenCycle(open)).await.is_ok() }
    });
    let opened = join_all(tries).await.into_iter().filter(|is_open| *is_open).count();
    assert_eq!(opened, 1);
    assert_eq!(bench.buckets(account).await, [300, 3, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_cycle_that_comes_late_is_on_record(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 3).await;
    let late = bench.cycle(account, 300).await;
    bench.clock.advance_ms(CYCLE_MS);
    let open = bench.cycle(account, 700).await;
    run(&bench, Command::OpenCycle(open)).await;
    let hold = bench.hold(account, 100).await.unwrap();
    for _ in 0..2 {
        run(&bench, Command::OpenCycle(late.clone())).await;
        assert_eq!(bench.buckets(account).await, [600, 3, 100, 0]);
    }
    bench.fail(hold).await;
    assert_eq!(bench.buckets(account).await, [700, 3, 0, 0]);
    bench.assert_verifies().await;
}

async fn of_two_who_take_at_once_one_takes(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let account = processes[0].account(0, 20).await;
    // Refunds of their own, decided on the same sight of the wallet.
    let tries = (0..8_usize).map(|n| {
        let source_id = i64::try_from(n).unwrap();
        let take = TakeBack { source_id, ..take(account, Bucket::Permanent, 12, (20, 0)) };
        let ledger = processes[n % 2].storage.ledger();
        async move { ledger.run(Command::TakeBack(take)).await.is_ok() }
    });
    let taken = join_all(tries).await.into_iter().filter(|is_taken| *is_taken).count();
    assert_eq!(taken, 1);
    assert_eq!(processes[0].buckets(account).await, [0, 8, 0, 0]);
    processes[0].assert_verifies().await;
}
