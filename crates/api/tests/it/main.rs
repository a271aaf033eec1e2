//! The service as its clients see it: over real sockets, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod all_at_once;
mod auth;
mod bad_requests;
mod billing;
mod callbacks;
mod catalog;
mod cors;
mod database_trouble;
mod every_route;
mod failing;
mod files;
mod generate;
mod idempotency;
mod inputs;
mod jobs;
mod keys;
mod limits;
mod limits_http;
mod media;
mod media_failing;
mod metrics;
mod money;
mod odd_requests;
mod openai;
mod openapi;
mod outage;
mod overload;
mod prices;
mod promises;
mod records;
mod recovery;
mod retention;
mod route_table;
mod sign_in;
mod streams;
mod stt;
mod vendor_bill;
mod vendor_rules;
mod vendors;
mod webhooks;
mod workers;
mod years;

use serde_json::Value;
use testkit::{Reply, Service, eventually};

/// A text model of each vendor, and of each of OpenAI's two protocols.
const MODELS: [(&str, &str); 6] = [
    ("openai", "gpt-5-nano"),
    ("openai", "gpt-5.2-pro"),
    ("anthropic", "claude-haiku-4.5"),
    ("google", "gemini-2.5-flash"),
    ("deepseek", "deepseek-v3"),
    ("xai", "grok-4-fast"),
];

/// Asserts that a reply is an error in the one form that all errors have, and gives its details.
fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let body = reply.expect(status);
    let mut names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["details", "error", "message"], "{reply:?}");
    assert_eq!(body["error"], code, "{reply:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{reply:?}");
    assert!(body["details"].is_object(), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    assert!(reply.header("x-request-id").is_some(), "{reply:?}");
    body["details"].clone()
}

/// Asserts that exactly these fields are refused, and gives what is allowed in place of each.
fn wrong_fields(reply: &Reply, fields: &[&str]) -> Vec<Value> {
    let details = refused(reply, 422, "validation_error");
    let wrong = details["fields"].as_array().unwrap();
    let named: Vec<&str> = wrong.iter().map(|field| field["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields, "{reply:?}");
    assert!(wrong.iter().all(|field| field["message"].as_str().is_some_and(|text| !text.is_empty())));
    wrong.iter().map(|field| field["allowed"].clone()).collect()
}

/// A generation on record, once it has ended.
async fn ended(service: &Service, key: &str, id: &Value) -> Value {
    let path = format!("/generate/{id}");
    eventually(async || {
        let generation = service.get(&path, key).await.expect(200);
        (generation["status"] != "pending").then_some(generation)
    })
    .await
}
