//! The replay finds what does not agree.

use crate::support::Bench;
use testkit::TestDatabase;

testkit::on_each_database!(damage_is_found);

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
