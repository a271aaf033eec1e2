//! What is told of generations' ends: with the end or not at all, and once.

use crate::support::{Bench, completed, failed};
use domain::{
    id::{AccountId, EndpointId},
    webhook::EventType,
};
use futures_util::future::join_all;
use storage::{GenerationStatus, NewEndpoint};
use testkit::TestDatabase;

testkit::on_each_database!(
    no_end_without_its_event,
    many_ends_at_once_are_each_told_once,
    who_does_not_listen_leaves_nothing,
    the_database_refuses_in_webhooks,
);

async fn listen(bench: &Bench, account_id: AccountId) -> EndpointId {
    let id = EndpointId(bench.storage.next_id().await.unwrap());
    let url = "https://example.org/hook".to_owned();
    let new = NewEndpoint { account_id, id, url, events: None, created_at: bench.now() };
    assert!(bench.storage.create_endpoint(new, 10).await.unwrap());
    id
}

/// The types of all events, sorted.
async fn told(database: &TestDatabase) -> Vec<String> {
    let rows = database.auditor().await.read("events", &["type"]).await;
    let mut types: Vec<String> = rows.concat();
    types.sort_unstable();
    types
}

async fn no_end_without_its_event(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    listen(&bench, account).await;
    let hold = bench.hold(account, 3).await.unwrap();
    let id = hold.generation_id();
    database.execute("ALTER TABLE events RENAME TO away").await.unwrap();
    assert!(bench.storage.ledger().resolve(hold, completed(), bench.now()).await.is_err());
    database.execute("ALTER TABLE away RENAME TO events").await.unwrap();
    let record = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(record.status, GenerationStatus::Pending);
    assert_eq!(bench.buckets(account).await, [7, 5, 3, 0]);
    assert!(told(&database).await.is_empty());
    bench.assert_verifies().await;
}

async fn many_ends_at_once_are_each_told_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(100, 0).await;
    listen(&bench, account).await;
    let mut holds = Vec::new();
    for _ in 0..100 {
        holds.push(bench.hold(account, 1).await.unwrap());
    }
    let (succeed, fail) = (holds.split_off(5), holds);
    let ledger = bench.storage.ledger();
    let ends = succeed.into_iter().map(|hold| ledger.resolve(hold, completed(), bench.now()));
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    let ends = fail.into_iter().map(|hold| ledger.resolve(hold, failed(), bench.now()));
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    let told = told(&database).await;
    let count = |event_type: EventType| told.iter().filter(|told| *told == event_type.name()).count();
    assert_eq!((told.len(), count(EventType::BalanceLow)), (101, 1));
    assert_eq!((count(EventType::GenerationCompleted), count(EventType::GenerationFailed)), (95, 5));
    bench.assert_verifies().await;
}

async fn who_does_not_listen_leaves_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let endpoints = [listen(&bench, account).await, listen(&bench, account).await];
    let end = async || {
        let hold = bench.hold(account, 1).await.unwrap();
        bench.complete(hold).await;
        told(&database).await.iter().filter(|told| *told == "generation.completed").count()
    };
    assert_eq!(end().await, 1);
    assert!(bench.storage.set_endpoint_disabled(account, endpoints[0], Some(bench.now())).await.unwrap());
    assert_eq!(end().await, 2, "the other one still listens");
    assert!(bench.storage.delete_endpoint(account, endpoints[1]).await.unwrap());
    assert_eq!(end().await, 2);
    assert!(bench.storage.set_endpoint_disabled(account, endpoints[0], None).await.unwrap());
    assert_eq!(end().await, 3);
}

async fn the_database_refuses_in_webhooks(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    listen(&bench, account).await;
    let delivery = |id: i64, endpoint: i64| {
        format!(
            "INSERT INTO webhook_deliveries VALUES
                ({account}, {id}, {endpoint}, 7, 'https://a', 'a', 'pending', 0, 1, 0, 0, NULL, NULL, NULL, 0)"
        )
    };
    database.execute(&delivery(1, 5)).await.unwrap();
    assert!(database.execute(&delivery(2, 5)).await.is_err(), "an event goes to an endpoint once");
    database.execute(&delivery(2, 6)).await.unwrap();
    for statement in [
        "webhook_deliveries SET status = 'lost'",
        "webhook_deliveries SET due_at_ms = NULL",
        "webhook_deliveries SET status = 'failed'",
        "webhook_deliveries SET attempts = -1",
        "webhook_endpoints SET oldest_rotation = 1",
        "webhook_endpoints SET oldest_rotation = -1",
        "wallets SET listens = 2",
    ] {
        let error = database.execute(&format!("UPDATE {statement}")).await.err().unwrap_or_default();
        assert!(error.contains("constraint"), "{statement}: {error}");
    }
}
