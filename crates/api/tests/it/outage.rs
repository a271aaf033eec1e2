//! The database goes away and comes back. A file cannot be taken from a process that has it open, so this is about
//! PostgreSQL.

use crate::{ended, refused};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use testkit::{Backend, Service, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_and_over_without_a_restart() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let health = async |path: &str| send(service.request(Method::GET, path, "")).await;
    health("/healthz").await.expect(200);
    health("/readyz").await.expect(200);
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);

    database.shut().await;
    for _ in 0..2 {
        for reply in [
            health("/readyz").await,
            service.generate(&account.key, "gpt-5", "hello").await,
            service.get("/balance", &account.key).await,
            service.get("/generate/1", &account.key).await,
        ] {
            refused(&reply, 503, "overloaded");
            assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
        }
        health("/healthz").await.expect(200);
        service.get("/models/gpt-5", "").await.expect(200);
        service.clock.advance_ms(5_000);
    }
    assert_eq!(service.calls().await, 1);

    database.open().await;
    health("/readyz").await.expect(200);
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 1_496);
    service.assert_verifies().await;
}

/// Long enough for several attempts to write to a database that is away.
const LONG_OUTAGE: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_outlives_an_outage() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:300]] hello").await;
    let start = events.next().await.unwrap();
    database.shut().await;
    // The vendor answers while there is nowhere to write the charge: its words come, and nobody is told of an end.
    let mut event = events.next().await.unwrap();
    assert_eq!(event["type"], "content_delta");
    while let Ok(next) = tokio::time::timeout(LONG_OUTAGE, events.next()).await {
        event = next.unwrap();
        assert_eq!(event["type"], "content_delta", "{event}");
    }
    database.open().await;
    event = events.next().await.unwrap();
    assert_eq!((&event["type"], &event["balance_remaining"]), (&json!("generation_end"), &json!(1_498)));
    let record = ended(&service, &account.key, &start["id"]).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(2)));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}
