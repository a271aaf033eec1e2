//! Many at once, over several connections.

use crate::support::Bench;
use futures_util::future::join_all;
use storage::Hold;
use testkit::TestDatabase;

testkit::on_each_database!(
    exactly_k_of_n_are_admitted,
    cheap_and_dear_together,
    nothing_is_lost_over_many_accounts
);

async fn exactly_k_of_n_are_admitted(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await, Bench::new(&database).await];
    let account = processes[0].account(40, 33).await;
    let requests = (0..60).map(|n| {
        let process = &processes[n % 3];
        async move { process.hold(account, 7).await.ok() }
    });
    let holds: Vec<Hold> = join_all(requests).await.into_iter().flatten().collect();
    assert_eq!(holds.len(), 10, "73 tokens buy ten at 7");
    assert_eq!(processes[0].buckets(account).await, [0, 3, 40, 30]);
    let ends = holds.into_iter().enumerate().map(|(n, hold)| {
        let process = &processes[n % 3];
        async move { if n % 2 == 0 { process.complete(hold).await } else { process.fail(hold).await } }
    });
    let spent: i64 = join_all(ends).await.iter().map(|resolved| resolved.tokens_spent).sum();
    assert_eq!(spent, 35);
    assert_eq!(processes[0].wallet(account).await.spendable_tokens(processes[0].now()), 38);
    processes[0].assert_verifies().await;
}

async fn cheap_and_dear_together(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    let prices = [39, 1, 39, 1, 39, 1, 39, 1];
    let held = join_all(prices.map(|price| bench.hold(account, price))).await;
    let admitted: Vec<bool> = held.iter().map(Result::is_ok).collect();
    assert_eq!(admitted, prices.map(|price| price == 1));
    for hold in held.into_iter().flatten() {
        bench.fail(hold).await;
    }
    bench.assert_verifies().await;
}

async fn nothing_is_lost_over_many_accounts(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let mut accounts = Vec::new();
    for _ in 0..8 {
        accounts.push(processes[0].account(50, 50).await);
    }
    // Two processes lock overlapping sets of wallets: in one order, so neither waits for the other for ever.
    let work = (0..400_usize).map(|n| {
        let (process, account) = (&processes[n % 2], accounts[n * 7 % 8]);
        async move {
            let hold = process.hold(account, 1).await.unwrap();
            if n % 5 == 0 { process.fail(hold).await } else { process.complete(hold).await }
        }
    });
    let spent: i64 = join_all(work).await.iter().map(|resolved| resolved.tokens_spent).sum();
    assert_eq!(spent, 320);
    let mut left = 0;
    for account in accounts {
        left += processes[0].wallet(account).await.spendable_tokens(processes[0].now());
    }
    assert_eq!(left, 800 - 320);
    processes[0].assert_verifies().await;
}
