//! Rows that somebody else keeps locked.

use super::{PRICE_TOKENS, generate, goes_on, postgres, told_to_come_back};
use std::time::{Duration, Instant};
use testkit::{Account, Backend, OpenTransaction, Service, TestDatabase};

testkit::on_each_database!(a_generation_outlives_a_lock);

/// Somebody who keeps a wallet locked; on SQLite that is the whole database.
async fn lock(database: &TestDatabase, account: &Account) -> OpenTransaction {
    let lock = if database.url.starts_with("sqlite") { "" } else { " FOR UPDATE" };
    let sql = format!("SELECT account_id FROM wallets WHERE account_id = {}{lock}", account.id.0);
    database.open_transaction(&sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_wallet_holds_up_nobody_else() {
    let Some(database) = postgres().await else { return };
    let service = Service::start(&database).await;
    let (locked, free) = (service.account_with(100).await, service.account_with(100).await);
    let lock = lock(&database, &locked).await;
    for _ in 0..2 {
        // Both are in the same batch, or nearly.
        let (refused, done) = tokio::join!(generate(&service, &locked), generate(&service, &free));
        told_to_come_back(&refused);
        done.expect(200);
    }
    // Who looks is not held up either.
    assert_eq!(service.balance(&locked.key).await, 100);
    lock.end().await;
    goes_on(&service, &locked, 100).await;
    goes_on(&service, &free, 100 - 2 * PRICE_TOKENS).await;
}

/// SQLite itself waits for 5 s; what is asked for does not wait for several times as long.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_told_and_over_without_a_restart() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    generate(&service, &account).await.expect(200);
    let calls = service.calls().await;
    let lock = lock(&database, &account).await;
    let started = Instant::now();
    told_to_come_back(&generate(&service, &account).await);
    assert!(started.elapsed() < TOLD_WITHIN, "{:?}", started.elapsed());
    assert_eq!(service.calls().await, calls);
    assert_eq!(service.balance(&account.key).await, 100 - PRICE_TOKENS);
    lock.end().await;
    goes_on(&service, &account, 100 - PRICE_TOKENS).await;
}

/// Long enough for an attempt to write.
const LOCKED_FOR: Duration = Duration::from_millis(1_500);

async fn a_generation_outlives_a_lock(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:200]] hello").await;
    let start = events.next().await.unwrap();
    let lock = lock(&database, &account).await;
    // The words come, and no end.
    assert_eq!(events.next().await.unwrap()["type"], "content_delta");
    while let Ok(event) = tokio::time::timeout(LOCKED_FOR, events.next()).await {
        assert_eq!(event.unwrap()["type"], "content_delta");
    }
    lock.end().await;
    let end = events.next().await.unwrap();
    assert_eq!((&end["type"], &end["id"]), (&"generation_end".into(), &start["id"]), "{end}");
    goes_on(&service, &account, 100 - PRICE_TOKENS).await;
}
