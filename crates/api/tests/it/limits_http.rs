//! What one connection, one request and one account may ask of a process, over real sockets.

use crate::{openai, refused};
use api::HttpLimits;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Backend, Service, Setup, TestDatabase, eventually, send};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn service(limits: HttpLimits) -> (Service, TestDatabase) {
    service_with(Setup { http_limits: limits, ..Setup::default() }).await
}

async fn service_with(setup: Setup) -> (Service, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    (Service::start_with(&database, setup).await, database)
}

/// A connection on which just these bytes have been sent.
async fn sent(service: &Service, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// All that the service says until it closes the connection.
async fn told(mut stream: TcpStream) -> String {
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.unwrap();
    String::from_utf8(told).unwrap()
}

/// What the service says to these bytes.
async fn said(service: &Service, bytes: &str) -> String {
    told(sent(service, bytes).await).await
}

/// Asserts that an answer is an error, in the shape of all errors.
fn is_error(answer: &str, status: u16, code: &str, words: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["error"], code, "{answer}");
    assert!(body["message"].as_str().unwrap().contains(words), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let (service, _database) = service(HttpLimits { head_timeout_ms: 200, ..HttpLimits::default() }).await;
    for beginning in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        assert_eq!(said(&service, beginning).await, "", "{beginning:?}");
    }
    // And so does silence after an answer.
    let answer = said(&service, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let limits = HttpLimits { body_timeout_ms: 200, ..HttpLimits::default() };
    let (service, _database) = service(limits).await;
    let post = |path: &str, headers: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nconnection: close\r\n{headers}\r\n{body}"
        )
    };
    let json = "content-type: application/json\r\n";
    for (path, headers) in [
        ("/api/v2/models/gpt-5/calculate-price", json),
        ("/api/v2/billing/notifications/yookassa", json),
        ("/api/v2/billing/notifications/telegram", json),
        ("/api/v2/callbacks/token", ""),
    ] {
        let answer = said(&service, &post(path, headers, "{\"params\":")).await;
        is_error(&answer, 400, "bad_request", "the body did not come in time");
    }
    let account = service.account("vip", 0).await;
    let form =
        format!("authorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary=x\r\n", account.key);
    let answer = said(&service, &post("/api/v2/files", &form, "--x\r\n")).await;
    is_error(&answer, 400, "bad_request", "the form did not come in time");
}

#[tokio::test]
async fn an_upload_that_takes_too_long_is_refused() {
    let limits = HttpLimits { upload_timeout_ms: 200, ..HttpLimits::default() };
    let (service, _database) = service(limits).await;
    let account = service.account("vip", 0).await;
    let begun = format!(
        "POST /api/v2/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
        account.key
    );
    is_error(&said(&service, &begun).await, 400, "bad_request", "the form did not come in time");
}

#[tokio::test]
async fn heads_have_a_limit() {
    let limits = HttpLimits { max_headers: 16, max_head_bytes: 4_096, ..HttpLimits::default() };
    let (service, _database) = service(limits).await;
    let head = |headers: &str| format!("GET /healthz HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    for (headers, status) in [
        (many(15), "200"),
        (many(16), "431"),
        (format!("x: {}\r\n", "y".repeat(4_000)), "200"),
        (format!("x: {}\r\n", "y".repeat(4_096)), "431"),
    ] {
        let answer = said(&service, &head(&headers)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{} bytes: {answer}", headers.len());
    }
}

#[tokio::test]
async fn bodies_have_the_limit_that_is_set() {
    let (service, _database) =
        service(HttpLimits { max_body_bytes: 64 * 1_024, ..HttpLimits::default() }).await;
    let price = async |bytes: usize| {
        let body = json!({ "params": { "prompt": "x".repeat(bytes) } });
        service.post("/models/gpt-5/calculate-price", "", &body).await
    };
    price(1_000).await.expect(200);
    refused(&price(64 * 1_024).await, 413, "payload_too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_still_sends_hears_the_answer() {
    let (service, _database) = service(HttpLimits::default()).await;
    let body = vec![b' '; 8 * 1_024 * 1_024];
    for (path, status, code) in [
        // Its limit is far below; nobody is known before the body is looked at; there is no such route at all.
        ("/api/v2/auth/login", 413, "payload_too_large"),
        ("/api/v2/generate", 401, "not_authenticated"),
        ("/api/v2/nowhere", 404, "not_found"),
    ] {
        for _ in 0..10 {
            let request = service.request(Method::POST, path, "").header("content-type", "application/json");
            let reply = send(request.body(body.clone())).await;
            refused(&reply, status, code);
            // Nor is the next request sent into what is being closed.
            assert_eq!(reply.header("connection"), Some("close"));
        }
    }
    let read = service.post("/auth/login", "", &json!({})).await;
    assert_eq!((read.status, read.header("connection")), (422, None));
    assert_eq!(service.get("/plans", "").await.header("connection"), None);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let (service, _database) = service(HttpLimits { max_connections: 2, ..HttpLimits::default() }).await;
    let ask = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = sent(&service, ask).await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    for _ in 0..3 {
        let answer = said(&service, ask).await;
        is_error(&answer, 503, "overloaded", "as many connections");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    }
    open.pop();
    let close = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    eventually(async || said(&service, close).await.starts_with("HTTP/1.1 200 ").then_some(())).await;
}

#[tokio::test]
async fn one_stream_too_many_is_told_so() {
    let (service, _database) = service_with(Setup { streams_per_account: 2, ..Setup::default() }).await;
    let (anna, boris) = (service.account("vip", 0).await, service.account("vip", 0).await);
    const SLOWLY: &str = "[[delay:30000]] Tell me of the sea.";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut events = service.stream(&anna.key, "gpt-5", SLOWLY).await;
        assert_eq!(events.next().await.unwrap()["type"], "generation_start");
        open.push(events);
    }
    let stream = json!({ "model": "gpt-5", "prompt": "hello", "stream": true });
    let before = service.balance(&anna.key).await;
    for path in ["/generate/stream", "/generate"] {
        let reply = service.post(path, &anna.key, &stream).await;
        let details = refused(&reply, 429, "rate_limit_exceeded");
        assert_eq!(details, json!({ "scope": "streams", "limit": 2 }));
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    let mut question = openai::question("gpt-5");
    question["stream"] = json!(true);
    let reply = openai::post(&service, "/v1/chat/completions", &anna.key, &question).await;
    openai::refused(&reply, 429, "rate_limit_exceeded");
    assert_eq!(service.balance(&anna.key).await, before);
    // What is no stream goes on, and so does everybody else.
    service.generate(&anna.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.post("/generate/stream", &boris.key, &stream).await.status, 200);
    open.pop();
    eventually(async || {
        let request = service.request(Method::POST, "/api/v2/generate/stream", &anna.key);
        let reply = send(request.header("content-type", "application/json").body(stream.to_string())).await;
        (reply.status == 200).then_some(())
    })
    .await;
}
