//! Requests that no well-behaved client sends.

use crate::{refused, wrong_fields};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testkit::{Account, Backend, Reply, Service, TestDatabase, send};

/// A service, an account on it, and its database, which must outlive both.
async fn service() -> (Service, Account, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    (service, account, database)
}

fn post(service: &Service, account: &Account, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let request = service.request(Method::POST, "/api/v2/generate", &account.key);
    request.header("content-type", "application/json").body(body)
}

#[tokio::test]
async fn what_is_no_json_object_is_a_bad_request() {
    let (service, account, _database) = service().await;
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let bodies: [Vec<u8>; 12] = [
        b"".to_vec(),
        b"{".to_vec(),
        b"{}{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"prompt\"".to_vec(),
        b"{\"model\":\"gpt-5\",\"prompt\":\"\xff\"}".to_vec(),
        b"{\"model\":\"gpt-5\",\"prompt\":\"\\ud800\"}".to_vec(),
        b"{'model':'gpt-5'}".to_vec(),
        br#"{"model":"gpt-5","prompt":"hi","max_tokens":1e400}"#.to_vec(),
        br#"{"model":"gpt-5","prompt":"hi","max_tokens":NaN}"#.to_vec(),
        format!(r#"{{"model":"gpt-5","prompt":{deep}}}"#).into_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = send(post(&service, &account, body)).await;
        assert_eq!(reply.status, 400, "{shown}: {reply:?}");
        refused(&reply, 400, "bad_request");
    }
    assert_eq!(service.calls().await, 0);
}

#[tokio::test]
async fn the_content_type_must_be_json() {
    let (service, account, _database) = service().await;
    let body = json!({ "model": "gpt-5", "prompt": "hello" }).to_string();
    let with = async |content_type: Option<&str>| {
        let request = service.request(Method::POST, "/api/v2/generate", &account.key).body(body.clone());
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        send(request).await
    };
    for wrong in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
    ] {
        refused(&with(wrong).await, 400, "bad_request");
    }
    for right in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
        with(Some(right)).await.expect(200);
    }
}

#[tokio::test]
async fn numbers_beyond_all_bounds_are_out_of_range() {
    let (service, account, _database) = service().await;
    for number in ["99999999999999999999", "-1", "0", "1e18", "1.5", "9223372036854775807", "true", "\"7\""] {
        let body = format!(r#"{{"model":"gpt-5","prompt":"hi","max_tokens":{number}}}"#);
        wrong_fields(&send(post(&service, &account, body)).await, &["max_tokens"]);
    }
    for number in ["1e300", "-0.001", "2.001"] {
        let body = format!(r#"{{"model":"deepseek-v3","prompt":"hi","temperature":{number}}}"#);
        wrong_fields(&send(post(&service, &account, body)).await, &["temperature"]);
    }
    assert_eq!(service.calls().await, 0);
}

#[tokio::test]
async fn no_string_holds_u_0000() {
    let (service, account, _database) = service().await;
    for (body, field) in [
        (json!({ "model": "gpt-5", "prompt": "a\0b" }), "prompt"),
        (json!({ "model": "gpt\0", "prompt": "hi" }), "model"),
        (json!({ "model": "gpt-5", "params": { "prompt": "\0" } }), "params.prompt"),
        (
            json!({ "model": "gpt-5", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "\0" }] }] }),
            "messages[0].content[0].text",
        ),
    ] {
        wrong_fields(&service.post("/generate", &account.key, &body).await, &[field]);
    }
    let reply = service.post("/generate", &account.key, &json!({ "model": "gpt-5", "a\0": 1 })).await;
    refused(&reply, 422, "validation_error");
    refused(&service.get("/models/%00", "").await, 404, "not_found");
    assert_eq!(service.calls().await, 0);
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let (service, account, _database) = service().await;
    let body = |bytes: usize| {
        let frame = json!({ "model": "gpt-5", "prompt": "" }).to_string().len();
        json!({ "model": "gpt-5", "prompt": "x".repeat(bytes - frame) }).to_string()
    };
    const LIMIT: usize = 16 * 1024 * 1024;
    wrong_fields(&send(post(&service, &account, body(LIMIT))).await, &["prompt"]);
    for path in ["/api/v2/generate", "/api/v2/generate/stream", "/api/v2/models/gpt-5/calculate-price"] {
        let request = service.request(Method::POST, path, &account.key);
        let reply = send(request.header("content-type", "application/json").body(body(LIMIT + 1))).await;
        refused(&reply, 413, "payload_too_large");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_json() {
    let (service, account, _database) = service().await;
    let ask = async |method: Method, path: &str| send(service.request(method, path, &account.key)).await;
    for path in [
        "/",
        "/api",
        "/api/v2",
        "/api/v2/",
        "/api/v1/balance",
        "/api/v2/balance/",
        "/api/v2/generate/1/2",
        "/healthz/x",
    ] {
        refused(&ask(Method::GET, path).await, 404, "not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v2/balance"),
        (Method::POST, "/api/v2/balance"),
        (Method::GET, "/api/v2/generate"),
        (Method::PUT, "/api/v2/generate/stream"),
        (Method::PATCH, "/api/v2/models"),
        (Method::GET, "/api/v2/models/gpt-5/calculate-price"),
        (Method::POST, "/healthz"),
    ] {
        let reply = ask(method.clone(), path).await;
        refused(&reply, 405, "method_not_allowed");
        assert!(reply.header("allow").is_some(), "{method} {path}: {reply:?}");
    }
    // What is no UTF-8 once decoded names nothing.
    for path in ["/api/v2/models/%ff", "/api/v2/generate/%ff"] {
        refused(&ask(Method::GET, path).await, 404, "not_found");
    }
    refused(&ask(Method::GET, "/api/v2/models?category=%ff").await, 422, "validation_error");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let (service, account, _database) = service().await;
    let with = async |id: &str| {
        let request = service.request(Method::GET, "/api/v2/balance", &account.key);
        send(request.header("x-request-id", id)).await
    };
    for sane in ["a", "req_1-2.3:4", &"x".repeat(128)] {
        assert_eq!(with(sane).await.header("x-request-id"), Some(sane));
    }
    let made = async |reply: Reply| {
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert!(id.starts_with("req_") && id.len() > 20, "{id}");
        id
    };
    let mut ids = vec![made(service.get("/balance", &account.key).await).await];
    for wild in ["", "a b", "<script>", "a\"b", &"x".repeat(129)] {
        ids.push(made(with(wild).await).await);
    }
    let stream = json!({ "model": "gpt-5", "prompt": "hello", "stream": true });
    ids.push(made(service.post("/generate", &account.key, &stream).await).await);
    ids.push(made(service.get("/nowhere", "").await).await);
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
