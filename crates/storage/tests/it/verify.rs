//! The replay finds what does not agree.

use crate::support::Bench;
use domain::ledger::{Bucket, Command, Reason, TakeBack};
use testkit::TestDatabase;

testkit::on_each_database!(damage_is_found, every_kind_of_damage_is_found, a_debt_is_replayed);

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

/// What the wallets' own numbers do not show: each is seen by itself, beside what was seen before.
async fn every_kind_of_damage_is_found(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(20, 5).await;
    let completed = bench.hold(account, 3).await.unwrap();
    let charged = completed.generation_id();
    bench.complete(completed).await;
    let failed = bench.hold(account, 1).await.unwrap();
    let failed_id = failed.generation_id();
    bench.fail(failed).await;
    let open = bench.hold(account, 2).await.unwrap().generation_id();
    let _across = bench.hold(account, 16).await.unwrap();
    let entry = |account: i64, reason: &str, source: i64, legs: &str, amount: i64| {
        format!("INSERT INTO ledger_entries VALUES ({account}, '{reason}', {source}, {legs}, {amount}, 0)")
    };
    let moved = |by: &str| format!("UPDATE wallets SET permanent_available = permanent_available {by}");
    let (own, nobody) = (account.0, account.0 + 500_000);
    let harm = [
        (
            vec!["UPDATE wallets SET permanent_held = permanent_held + 1, permanent_available = permanent_available - 1".to_owned()],
            "held permanent tokens: wallet 2, replay 1".to_owned(),
        ),
        (
            vec![
                "UPDATE wallets SET permanent_held = permanent_held - 1, permanent_available = permanent_available + 1".to_owned(),
                entry(nobody, "grant", 1, "'issued', 'permanent'", 5),
            ],
            "an entry of reason grant has no source 1".to_owned(),
        ),
        (
            vec![entry(own, "charge", nobody, "'permanent', 'spent'", 1), moved("- 1")],
            format!("an entry of reason charge has no source {nobody}"),
        ),
        (
            vec![entry(own, "charge_refund", nobody, "'spent', 'permanent'", 1), moved("+ 1")],
            format!("an entry of reason charge_refund has no source {nobody}"),
        ),
        (
            vec![entry(own, "charge", failed_id.0, "'permanent', 'spent'", 1), moved("- 1")],
            format!("generation {failed_id} is failed at 1 tokens, charged 1"),
        ),
        (
            // From the wrong bucket, and everything else fits.
            vec![
                format!("UPDATE generations SET status = 'completed', completed_at_ms = 0 WHERE id = {open}"),
                entry(own, "charge", open.0, "'permanent', 'spent'", 2),
                "UPDATE wallets SET plan_held = plan_held - 2, plan_available = plan_available + 2".to_owned(),
                moved("- 2"),
            ],
            format!("generation {open} is completed at 2 tokens, charged 2"),
        ),
        (
            vec![format!("UPDATE generations SET refunded_tokens = 1 WHERE id = {charged}")],
            format!("generation {charged} was given 1 tokens back, its entries say 0"),
        ),
        (
            vec![format!("INSERT INTO key_uses VALUES ({own}, 7, 1, 5)")],
            "key 7 has used 5 tokens of its month, its generations 0".to_owned(),
        ),
    ];
    bench.assert_verifies().await;
    for (statements, expected) in harm {
        for sql in &statements {
            database.execute(sql).await.unwrap();
        }
        let report = bench.storage.ledger().verify().await.unwrap();
        let messages: Vec<_> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert!(messages.contains(&expected.as_str()), "{expected}: {messages:?}");
        assert!(
            !messages.iter().any(|message| message.contains("wallet")) || messages.len() == 1,
            "{messages:?}"
        );
    }
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
