//! What a stream says, when, and what happens when nobody listens any more.

use crate::{ended, eventually, refused, wrong_fields};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{RawServer, Reply, Service, Setup, TestDatabase, Then, open_stream, send};

testkit::on_each_database!(
    events_come_in_order_and_the_end_after_the_charge,
    a_listener_that_leaves_changes_nothing,
    a_client_that_leaves_before_its_answer_changes_nothing,
    what_is_refused_before_the_hold_is_an_ordinary_error,
    a_text_is_taken_back_before_it_is_told,
    a_text_that_is_told_is_not_taken_back,
);

async fn events_come_in_order_and_the_end_after_the_charge(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:100]] Tell me of the sea.").await;
    let start = events.next().await.unwrap();
    assert_eq!(start["type"], "generation_start");
    // The vendor has not said a word yet, and the tokens are held.
    assert_eq!(service.balance(&account.key).await, 8);
    let path = format!("/generate/{}", start["id"]);
    let pending = service.get(&path, &account.key).await.expect(200);
    for (field, expected) in [
        ("status", json!("pending")),
        ("tokens_spent", json!(0)),
        ("result_text", Value::Null),
        ("completed_at", Value::Null),
        ("balance_remaining", json!(8)),
    ] {
        assert_eq!(pending[field], expected, "{field} of {pending:#}");
    }
    let mut text = String::new();
    let end = loop {
        let event = events.next().await.unwrap();
        match event["delta"].as_str() {
            Some(delta) => text.push_str(delta),
            None => break event,
        }
    };
    assert_eq!(end["type"], "generation_end", "{end}");
    // Whoever has seen the end sees the charge.
    let record = service.get(&path, &account.key).await.expect(200);
    assert_eq!((&record["status"], &record["result_text"]), (&json!("completed"), &json!(text)));
    assert_eq!((&record["tokens_spent"], &end["tokens_spent"]), (&json!(2), &json!(2)));
    assert_eq!((&record["balance_remaining"], &end["balance_remaining"]), (&json!(8), &json!(8)));
    assert_eq!(events.next().await, Some(json!("[DONE]")));
    assert_eq!(events.next().await, None);
}

async fn a_listener_that_leaves_changes_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "claude-haiku-4.5", "[[delay:300]] Tell me.").await;
    let id = events.next().await.unwrap()["id"].clone();
    drop(events);
    let record = ended(&service, &account.key, &id).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(1)));
    assert!(record["result_text"].as_str().unwrap().contains("Tell me."), "{record:#}");

    let mut events = service.stream(&account.key, "claude-haiku-4.5", "[[delay:300]] [[fault:cut]]").await;
    let id = events.next().await.unwrap()["id"].clone();
    drop(events);
    let record = ended(&service, &account.key, &id).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
    assert_eq!(service.balance(&account.key).await, 9);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn a_client_that_leaves_before_its_answer_changes_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let request = service
        .request(Method::POST, "/api/v2/generate", &account.key)
        .header("content-type", "application/json")
        .body(json!({ "model": "gpt-5", "prompt": "[[delay:1500]] hello" }).to_string())
        .timeout(Duration::from_millis(700));
    assert!(request.send().await.unwrap_err().is_timeout());
    eventually(async || {
        let report = service.assert_verifies().await;
        (report.open_holds == 0).then_some(())
    })
    .await;
    assert_eq!((service.balance(&account.key).await, service.calls().await), (8, 1));
}

async fn what_is_refused_before_the_hold_is_an_ordinary_error(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(1).await;
    let stream = async |body: Value| service.post("/generate/stream", &account.key, &body).await;
    let text = |model: &str| json!({ "model": model, "prompt": "hello" });
    refused(&stream(text("gpt-5")).await, 402, "insufficient_tokens");
    refused(&stream(text("gpt-6")).await, 404, "not_found");
    wrong_fields(&stream(text("dall-e-3")).await, &["stream"]);
    wrong_fields(&stream(json!({ "model": "musicgen", "prompt": "a waltz" })).await, &["stream"]);
    wrong_fields(&stream(json!({ "model": "gpt-5", "prompt": "hello", "stream": false })).await, &["stream"]);
    wrong_fields(&stream(json!({ "model": "gpt-5", "prompt": "hello", "seed": 1 })).await, &["seed"]);
    let body = json!({ "model": "dall-e-3", "prompt": "a boat", "stream": true });
    wrong_fields(&service.post("/generate", &account.key, &body).await, &["stream"]);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1));
}

async fn cancel(service: &Service, key: &str, id: &Value) -> Reply {
    send(service.request(Method::DELETE, &format!("/api/v2/generate/{id}"), key)).await
}

async fn a_text_is_taken_back_before_it_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:60000]] Tell me of the sea.").await;
    let id = events.next().await.unwrap()["id"].clone();
    let canceled = cancel(&service, &account.key, &id).await.expect(200);
    assert_eq!((&canceled["status"], &canceled["error_code"]), (&json!("failed"), &json!("canceled")));
    let error = events.next().await.unwrap();
    assert_eq!((&error["type"], &error["error"]), (&json!("error"), &json!("canceled")));
    assert_eq!(events.next().await, Some(json!("[DONE]")));
    assert_eq!(service.balance(&account.key).await, 10);
    refused(&cancel(&service, &account.key, &id).await, 409, "not_cancellable");
    service.assert_verifies().await;
}

/// Otherwise it would be had for nothing.
async fn a_text_that_is_told_is_not_taken_back(database: TestDatabase) {
    // Its vendor says no more than that, so it has not ended either.
    let part = json!({ "choices": [{ "index": 0, "delta": { "content": "The sea" } }] });
    let part = open_stream(format!("data: {part}\n\n").as_bytes());
    let vendor = RawServer::start(part, Then::Hang).await;
    let vendors_url = Some(&*Box::leak(vendor.url.into_boxed_str()));
    let service = Service::start_with(&database, Setup { vendors_url, ..Setup::default() }).await;
    let elsewhere = service.another(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", "Tell me of the sea.").await;
    let id = events.next().await.unwrap()["id"].clone();
    // Another process cannot know how much has been told.
    refused(&cancel(&elsewhere, &account.key, &id).await, 409, "not_cancellable");
    assert_eq!(events.next().await.unwrap()["type"], "content_delta");
    refused(&cancel(&service, &account.key, &id).await, 409, "not_cancellable");
    assert_eq!(service.get(&format!("/generate/{id}"), &account.key).await.expect(200)["status"], "pending");
    assert_eq!(service.assert_verifies().await.open_holds, 1);
}
