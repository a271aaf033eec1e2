//! PostgreSQL crashes and comes back, as it does when another machine takes over.

use super::{PRICE_TOKENS, generate, goes_on, told_to_come_back};
use crate::ended;
use reqwest::Method;
use serde_json::json;
use testkit::{PostgresServer, Service, TestDatabase, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgres_is_told_and_over_without_a_restart() {
    let Some(mut server) = PostgresServer::start().await else { return };
    let database = TestDatabase::of_server(&server).await.impatient();
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    generate(&service, &account).await.expect(200);
    // One is at its vendor's meanwhile.
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:300]] hello").await;
    let start = events.next().await.unwrap();
    let calls = service.calls().await;

    server.crash();
    let health = async |path: &str| send(service.request(Method::GET, path, "")).await;
    let order = json!({ "model": "gpt-5", "prompt": "hello" });
    let (generated, streamed, read, shown, ready) = tokio::join!(
        generate(&service, &account),
        service.post("/generate/stream", &account.key, &order),
        service.get("/balance", &account.key),
        service.get("/generate/1", &account.key),
        health("/readyz"),
    );
    for reply in [&generated, &streamed, &read, &shown, &ready] {
        told_to_come_back(reply);
    }
    health("/healthz").await.expect(200);
    assert!(service.calls().await <= calls + 1, "only the one that was under way may have been asked");

    server.start_again();
    health("/readyz").await.expect(200);
    let mut last = start.clone();
    while let Some(event) = events.next().await.filter(|event| *event != "[DONE]") {
        last = event;
    }
    assert_eq!(last["type"], "generation_end", "{last}");
    let record = ended(&service, &account.key, &start["id"]).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(PRICE_TOKENS)));
    goes_on(&service, &account, 100 - 2 * PRICE_TOKENS).await;
}
