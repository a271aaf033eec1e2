//! The replay finds what does not agree.

use crate::support::Bench;
use domain::ledger::{Bucket, Command, Reason, TakeBack};
use testkit::TestDatabase;

testkit::on_each_database!(damage_is_found, a_debt_is_replayed);

async fn damage_is_found(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let hold = bench.hold(account, 3).await.unwrap();
    bench.complete(hold).await;
    let open = bench.hold(account, 2).await.unwrap();
    let report = bench.storage.ledger().verify().await.unwrap();
    assert_eq!((report.wallets, report.generations, report.open_holds), (1, 2, 1));
    assert_eq!((report.entries, report.problems), (3, vec![]));
    let id = open.generation_id();
    // What a bug or a hand on the database could still do; each is seen, and then taken back.
    let damage = [
        ("permanent_available = permanent_available + 1", "permanent_available = permanent_available - 1"),
        ("plan_available = plan_available - 1", "plan_available = plan_available + 1"),
        (
            "plan_held = plan_held + 1, plan_available = plan_available - 1",
            "plan_held = plan_held - 1, plan_available = plan_available + 1",
        ),
        ("owed_tokens = owed_tokens + 1", "owed_tokens = owed_tokens - 1"),
    ];
    for (harm, repair) in damage {
        database.execute(&format!("UPDATE wallets SET {harm}")).await.unwrap();
        let report = bench.storage.ledger().verify().await.unwrap();
        assert_eq!(report.problems.len(), 1, "{harm}: {:?}", report.problems);
        assert_eq!(report.problems[0].account_id, account.0);
        database.execute(&format!("UPDATE wallets SET {repair}")).await.unwrap();
        bench.assert_verifies().await;
    }
    let completed = format!(
        "UPDATE generations SET status = 'completed', completed_at_ms = 0 WHERE account_id = {account} AND id = {id}"
    );
    database.execute(&completed).await.unwrap();
    let report = bench.storage.ledger().verify().await.unwrap();
    // The charge is missing, and the wallet holds what no open hold explains.
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
    drop(open);
}

async fn a_debt_is_replayed(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 5).await;
    let take = TakeBack {
        account_id: account,
        reason: Reason::Chargeback,
        source_id: bench.id().await,
        bucket: Bucket::Permanent,
        amount_tokens: 5,
        owed_tokens: 7,
        seen: (5, 0),
    };
    bench.storage.ledger().run(Command::TakeBack(take)).await.unwrap();
    assert_eq!(bench.wallet(account).await.owed_tokens, 7);
    bench.assert_verifies().await;
    // A debt that was forgotten, and one that grew.
    for owed in [0, 8] {
        database.execute(&format!("UPDATE wallets SET owed_tokens = {owed}")).await.unwrap();
        let report = bench.storage.ledger().verify().await.unwrap();
        let expected = format!("owed tokens: wallet {owed}, replay 7");
        assert_eq!(report.problems[0].message, expected);
        assert_eq!((report.problems.len(), report.problems[0].account_id), (1, account.0));
    }
}
