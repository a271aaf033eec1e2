//! Many at once, over several connections.

use crate::support::{Bench, completed};
use domain::ledger::Resolution;
use futures_util::future::join_all;
use storage::{Completion, Hold};
use testkit::{Backend, TestDatabase};

testkit::on_each_database!(
    exactly_k_of_n_are_admitted,
    cheap_and_dear_together,
    nothing_is_lost_over_many_accounts,
    a_command_that_spoils_its_batch_spoils_no_other,
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

async fn a_command_that_spoils_its_batch_spoils_no_other(database: TestDatabase) {
    let bench = &Bench::new(&database).await;
    let account = bench.account(20, 0).await;
    let holds = join_all((0..9).map(|_| bench.hold(account, 1))).await;
    // No database takes a cost below 0. All of them come while the first is being written.
    let odd = Completion {
        vendor_cost_micro_usd: Some(-1),
        result_metadata: "{}".to_owned(),
        ..Completion::default()
    };
    let ends = holds.into_iter().enumerate().map(|(n, hold)| {
        let resolution = if n == 4 { Resolution::Completed(odd.clone()) } else { completed() };
        async move { bench.storage.ledger().resolve(hold.unwrap(), resolution, bench.now()).await }
    });
    let spoiled: Vec<bool> = join_all(ends).await.iter().map(Result::is_err).collect();
    assert_eq!(spoiled, [false, false, false, false, true, false, false, false, false]);
    assert_eq!(bench.buckets(account).await, [11, 0, 1, 0]);
    bench.assert_verifies().await;
}

/// PostgreSQL ends one of two transactions that stand in each other's way. Here a trigger plays the other one, three times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_loses_against_another_is_tried_again() {
    for code in ["40001", "40P01"] {
        let Some(database) = testkit::database(Backend::Postgres).await else { return };
        let bench = Bench::new(&database).await;
        let account = bench.account(40, 0).await;
        let trigger = format!(
            "CREATE SEQUENCE tries;
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '{code}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER lose BEFORE UPDATE ON wallets FOR EACH ROW EXECUTE FUNCTION lose()"
        );
        database.execute(&trigger).await.unwrap();
        let hold = bench.hold(account, 7).await.unwrap();
        assert_eq!(bench.buckets(account).await, [33, 0, 7, 0], "{code}");
        assert_eq!(bench.complete(hold).await.tokens_spent, 7);
        let tries = database.auditor().await.read("tries", &["last_value"]).await;
        assert_eq!(tries, [["5"]], "{code}: three that lost, the hold, and its end");
        bench.assert_verifies().await;
    }
}
