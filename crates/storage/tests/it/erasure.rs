//! Erased accounts: what they may begin, and how what they had goes.

use crate::support::{Bench, completed};
use domain::{
    id::{AccountId, KeyId},
    ledger::Refusal,
};
use storage::{KeyOutcome, LedgerError, NewKey, Storage};
use testkit::TestDatabase;

testkit::on_each_database!(
    an_erased_account_begins_nothing,
    no_key_outlives_an_erasure,
    what_was_left_goes_step_by_step,
    an_erasure_is_claimed_once,
);

async fn new_key(bench: &Bench, account_id: AccountId, hash: &str) -> NewKey {
    NewKey {
        account_id,
        id: KeyId(bench.id().await),
        name: "a key".to_owned(),
        prefix: "nb_1234567".to_owned(),
        key_hash: hash.to_owned(),
        monthly_budget_tokens: None,
        expires_at: None,
        created_at: bench.now(),
    }
}

async fn erase(bench: &Bench, account: AccountId) {
    assert!(bench.storage.begin_erasure(account, bench.now(), bench.now().plus_ms(1)).await.unwrap());
}

async fn an_erased_account_begins_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let (begun, other) = (bench.hold(account, 2).await.unwrap(), bench.hold(account, 3).await.unwrap());
    erase(&bench, account).await;
    let refused = bench.hold(account, 1).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::UnknownAccount)), "{refused:?}");
    // What was begun before ends as it would have.
    assert!(bench.complete(begun).await.is_completed);
    assert!(!bench.fail(other).await.is_completed);
    assert_eq!(bench.buckets(account).await, [0, 8, 0, 0]);
    bench.assert_verifies().await;
}

async fn no_key_outlives_an_erasure(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    for round in 0..8 {
        let account = bench.account(0, 10).await;
        let hash = format!("of round {round}");
        let key = new_key(&bench, account, &hash).await;
        let (made, ()) = tokio::join!(bench.storage.create_key(key, 4), erase(&bench, account));
        assert_ne!(made.unwrap(), KeyOutcome::TooMany);
        assert_eq!(bench.storage.principal(&hash).await.unwrap(), None);
        let late = new_key(&bench, account, &format!("late in round {round}")).await;
        assert_eq!(bench.storage.create_key(late, 4).await.unwrap(), KeyOutcome::NoAccount);
        let keys = bench.storage.keys(account).await.unwrap();
        assert!(keys.iter().all(|key| key.revoked_at.is_some()), "{keys:?}");
    }
    // Whatever way a key may have come to be there.
    let account = bench.account(0, 10).await;
    let key = new_key(&bench, account, "left behind").await;
    assert_eq!(bench.storage.create_key(key, 4).await.unwrap(), KeyOutcome::Stored);
    assert!(bench.storage.principal("left behind").await.unwrap().is_some());
    database.execute("UPDATE accounts SET erased_at_ms = 1").await.unwrap();
    assert_eq!(bench.storage.principal("left behind").await.unwrap(), None);
}

async fn what_was_left_goes_step_by_step(database: TestDatabase) {
    const ROWS: usize = 2_345;
    let bench = Bench::new(&database).await;
    let (account, other) = (bench.account(0, 10).await, bench.account(0, 10).await);
    let hold = bench.hold(account, 2).await.unwrap();
    bench.storage.ledger().resolve(hold, completed(), bench.now()).await.unwrap();
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}),
        a (id) AS (VALUES ({account}), ({other}))"
    );
    for (table, columns, values) in [
        ("generation_contents", "account_id, generation_id, prompt", "a.id, 1000000 + i, 'words'"),
        (
            "files",
            "account_id, name, kind, content_type, size_bytes, created_at_ms",
            "a.id, 'file-' || i, 'result', 'image/png', 1, 1",
        ),
        ("idempotency_keys", "account_id, key, fingerprint, created_at_ms", "a.id, 'name ' || i, '00', 1"),
    ] {
        let sql = format!("INSERT INTO {table} ({columns}) {numbers} SELECT {values} FROM n, a");
        database.execute(&sql).await.unwrap();
    }
    let endpoint = format!(
        "INSERT INTO webhook_endpoints (account_id, id, url, rotation, oldest_rotation, created_at_ms)
        VALUES ({account}, 1, 'https://example.org', 0, 0, 1)"
    );
    database.execute(&endpoint).await.unwrap();
    database.execute("UPDATE wallets SET listens = 1").await.unwrap();
    erase(&bench, account).await;
    bench.storage.erase_contents(account, bench.now()).await.unwrap();
    let auditor = database.auditor().await;
    let count = async |of: String| auditor.read(&of, &["1"]).await.len();
    for table in ["generation_contents", "idempotency_keys", "webhook_endpoints"] {
        assert_eq!(count(format!("{table} WHERE account_id = {account}")).await, 0, "{table}");
    }
    assert_eq!(count(format!("files WHERE account_id = {account} AND expires_at_ms IS NULL")).await, 0);
    for table in ["generation_contents", "idempotency_keys", "files"] {
        assert_eq!(count(format!("{table} WHERE account_id = {other}")).await, ROWS, "{table}");
    }
    assert_eq!(count(format!("files WHERE account_id = {other} AND expires_at_ms IS NULL")).await, ROWS);
    assert_eq!(count("generations WHERE result_metadata IS NOT NULL".to_owned()).await, 0);
    let listens = auditor.read("wallets ORDER BY account_id", &["listens"]).await.concat();
    assert_eq!(listens, ["0", "1"]);
    bench.assert_verifies().await;
}

async fn an_erasure_is_claimed_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = database.storage(bench.clock.clone()).await;
    let account = bench.account(0, 10).await;
    erase(&bench, account).await;
    let leased_until = bench.now().plus_ms(1_000);
    let claim = async |storage: &Storage| {
        storage.claim_erasure(bench.now(), bench.now().plus_ms(1_000)).await.unwrap()
    };
    assert_eq!(claim(&bench.storage).await, None, "it is not due");
    bench.clock.advance_ms(1);
    let leased_until = leased_until.plus_ms(1);
    let (one, two) = tokio::join!(claim(&bench.storage), claim(&other));
    assert_eq!((one.or(two), one.and(two)), (Some(account), None));
    // Whoever erases it anew has the last word.
    let again = bench.now().plus_ms(500);
    assert!(bench.storage.begin_erasure(account, bench.now(), again).await.unwrap());
    bench.storage.end_erasure_claim(account, leased_until, None).await.unwrap();
    bench.clock.advance_ms(500);
    assert_eq!(claim(&other).await, Some(account));
    let leased_until = bench.now().plus_ms(1_000);
    other.end_erasure_claim(account, leased_until, None).await.unwrap();
    bench.clock.advance_ms(10_000);
    assert_eq!(claim(&other).await, None);
}
