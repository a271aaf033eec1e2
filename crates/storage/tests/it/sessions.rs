//! Sign-ins that are over.

use crate::support::Bench;
use futures_util::future::join_all;
use storage::SessionRecord;
use testkit::TestDatabase;

testkit::on_each_database!(of_what_is_over_nothing_stays_however_many_forget_it);

async fn of_what_is_over_nothing_stays_however_many_forget_it(database: TestDatabase) {
    const SESSIONS: i64 = 90;
    let bench = Bench::new(&database).await;
    let other = database.storage(bench.clock.clone()).await;
    let account_id = bench.account(0, 1).await;
    for number in 0..SESSIONS {
        let session = SessionRecord {
            account_id,
            family_hash: format!("family {number}"),
            token_hash: format!("token {number}"),
            created_at: bench.now(),
            // Every third one goes on.
            expires_at: bench.now().plus_ms(if number % 3 == 0 { 1_000 } else { 1 }),
        };
        bench.storage.create_session(session).await.unwrap();
    }
    bench.clock.advance_ms(1);
    let workers = (0..12).map(|number| {
        let storage = if number % 2 == 0 { &bench.storage } else { &other };
        storage.forget_sessions(bench.now(), 25)
    });
    for forgotten in join_all(workers).await {
        forgotten.unwrap();
    }
    let auditor = database.auditor().await;
    for table in ["sessions", "session_directory"] {
        assert_eq!(auditor.read(table, &["family_hash"]).await.len(), 30, "{table}");
    }
    bench.storage.end_sessions(account_id, Some("family 0")).await.unwrap();
    assert!(bench.storage.session("family 0").await.unwrap().is_none());
    assert!(bench.storage.session("family 3").await.unwrap().is_some());
    bench.storage.end_sessions(account_id, None).await.unwrap();
    assert_eq!(auditor.read("session_directory", &["family_hash"]).await.len(), 0);
}
