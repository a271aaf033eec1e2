//! Closing days of use, by many at once and while others settle.

use crate::support::{Bench, completed};
use domain::{
    id::AccountId,
    ledger::EndedHold,
    time::{DAY_MS, Day},
};
use futures_util::future::join_all;
use storage::Storage;
use testkit::TestDatabase;

testkit::on_each_database!(
    days_are_closed_once_whoever_closes_them,
    a_day_that_others_still_settle_in_is_closed_whole,
    what_was_spent_is_the_same_from_closed_days,
);

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Generations and tokens, ever and in closed days.
async fn counted(storage: &Storage, database: &TestDatabase, account_id: AccountId) -> [(i64, i64); 2] {
    let usage = storage.usage(account_id, Day::of(domain::time::Timestamp::default())).await.unwrap();
    let ever = usage.iter().map(|usage| (usage.generations, usage.spent_tokens));
    let rows = database.auditor().await.read("usage_days", &["generations", "spent_tokens"]).await;
    let closed = rows.iter().map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap()));
    let sum = |all: Vec<(i64, i64)>| all.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    [sum(ever.collect()), sum(closed.collect())]
}

async fn days_are_closed_once_whoever_closes_them(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = database.storage(bench.clock.clone()).await;
    let account = bench.account(0, 10_000).await;
    for price in 1..=20 {
        let hold = bench.hold(account, price).await.unwrap();
        bench.complete(hold).await;
        bench.clock.advance_ms(DAY_MS / 4);
    }
    let end = Day::of(bench.now());
    for round in 0..3 {
        let closers = (0..12).map(|number| {
            let storage = if number % 2 == 0 { &bench.storage } else { &other };
            // Some have read their clock a while ago.
            let end = end.plus_days(round - 2 - number % 3);
            async move { storage.close_days(account, end, end.starts_at().plus_ms(HOUR_MS)).await.unwrap() }
        });
        let closed = join_all(closers).await;
        assert!(closed.contains(&true), "in round {round}");
        assert_eq!(counted(&bench.storage, &database, account).await[0], (20, 210));
    }
    assert_eq!(counted(&bench.storage, &database, account).await, [(20, 210), (20, 210)]);
    assert!(!bench.storage.close_days(account, end, bench.now()).await.unwrap());
}

async fn a_day_that_others_still_settle_in_is_closed_whole(database: TestDatabase) {
    const HOLDS: i64 = 30;
    let bench = Bench::new(&database).await;
    let other = database.storage(bench.clock.clone()).await;
    let account = bench.account(0, 10_000).await;
    let mut holds = Vec::new();
    for _ in 0..HOLDS {
        holds.push(bench.hold(account, 2).await.unwrap());
    }
    // All of them ended in that day, and are written down in the next.
    let ended_at = bench.now();
    bench.clock.advance_ms(DAY_MS + 2 * HOUR_MS);
    let end = Day::of(bench.now());
    let settles = holds.into_iter().map(|hold| {
        let (generation_id, ledger) = (hold.generation_id(), bench.storage.ledger());
        hold.leave_to_job();
        let ended = EndedHold { account_id: account, generation_id, ended_at, resolution: completed() };
        async move { ledger.resolve_job(ended).await.unwrap() }
    });
    let closing = async {
        for _ in 0..HOLDS {
            let close = |storage: &Storage| {
                let storage = storage.clone();
                async move { storage.close_days(account, end, end.starts_at().plus_ms(HOUR_MS)).await.unwrap() }
            };
            tokio::join!(close(&bench.storage), close(&other));
        }
    };
    tokio::join!(join_all(settles), closing);
    bench.storage.close_days(account, end, end.starts_at().plus_ms(HOUR_MS)).await.unwrap();
    assert_eq!(counted(&bench.storage, &database, account).await, [(HOLDS, 2 * HOLDS), (HOLDS, 2 * HOLDS)]);
    bench.assert_verifies().await;
}

async fn what_was_spent_is_the_same_from_closed_days(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10_000).await;
    let began = bench.now();
    for price in 1..=20 {
        let hold = bench.hold(account, price).await.unwrap();
        bench.complete(hold).await;
        bench.clock.advance_ms(DAY_MS / 4 + 1);
    }
    let midnight = Day::of(began).plus_days(2).starts_at();
    let sinces = (0..20).map(|number| began.plus_ms(number * (DAY_MS / 4 + 1)));
    let sinces: Vec<_> = sinces.chain([midnight, midnight.plus_ms(-1), midnight.plus_ms(1)]).collect();
    let spent = async || {
        let asked = sinces.iter().map(|since| bench.storage.tokens_spent_since(account, *since));
        join_all(asked).await.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let from_generations = spent().await;
    let later = |number: i64| (number..=20).sum::<i64>();
    assert_eq!(from_generations[..20], (1..=20).map(later).collect::<Vec<_>>());
    for days in [3, 1, 0] {
        let end = Day::of(bench.now()).plus_days(-days);
        assert!(bench.storage.close_days(account, end, end.starts_at().plus_ms(HOUR_MS)).await.unwrap());
        assert_eq!(spent().await, from_generations, "with {days} days open");
    }
}
