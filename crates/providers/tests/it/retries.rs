//! What is asked again: only what cannot be billed twice.

use crate::{
    conformance::{answering, call, call_within, client, good, quick},
    subject::{SUBJECTS, Subject},
};
use domain::port::{FinishReason, ProviderErrorKind};
use providers::ClientSettings;
use serde_json::json;
use tokio::net::TcpSocket;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// A server that fails `failures` times and then answers.
async fn failing(subject: &Subject, template: ResponseTemplate, failures: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(template).up_to_n_times(failures).mount(&server).await;
    Mock::given(any()).respond_with(good(subject, false)).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn load_is_waited_out() {
    for subject in &SUBJECTS {
        for status in [429, 500, 503, 529] {
            let sorry = json!({ "code": "sorry", "error": { "message": "sorry" } });
            let server = failing(subject, ResponseTemplate::new(status).set_body_json(sorry), 2).await;
            let answer = call(&client(subject, &server.uri(), quick()), subject, false).await;
            assert_eq!(answer, Ok(subject.answer(FinishReason::Stop)), "{} {status}", subject.name);
            assert_eq!(requests(&server).await, 3, "{} {status}", subject.name);
        }
    }
}

#[tokio::test]
async fn attempts_are_counted() {
    let subject = Subject::named("openai");
    let check = async |max_attempts: usize, expected: usize| {
        let server = answering(ResponseTemplate::new(503)).await;
        let settings = ClientSettings { max_attempts, ..quick() };
        let error = call(&client(subject, &server.uri(), settings), subject, false).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Overloaded);
        assert_eq!(requests(&server).await, expected);
    };
    check(0, 1).await;
    check(1, 1).await;
    check(4, 4).await;
}

#[tokio::test]
async fn what_a_repeat_cannot_mend_is_not_repeated() {
    let check = async |name: &str, template: ResponseTemplate, kind: ProviderErrorKind| {
        let subject = Subject::named(name);
        let server = failing(subject, template, 1).await;
        let error = call(&client(subject, &server.uri(), quick()), subject, false).await.unwrap_err();
        assert_eq!((error.kind, requests(&server).await), (kind, 1), "{name}: {}", error.message);
    };
    let error = |name: &str, status: u16, file: &str| {
        let body = Subject::named(name).fixture(&format!("errors/{file}.json"));
        ResponseTemplate::new(status).set_body_raw(body, "application/json")
    };
    for status in [400, 401, 402, 403, 404, 408, 409, 413, 422, 501, 504] {
        let subject = Subject::named("openai");
        let server = failing(subject, ResponseTemplate::new(status), 1).await;
        call(&client(subject, &server.uri(), quick()), subject, false).await.unwrap_err();
        assert_eq!(requests(&server).await, 1, "{status}");
    }
    check("openai", error("openai", 429, "quota"), ProviderErrorKind::QuotaExhausted).await;
    check("anthropic", error("anthropic", 429, "spend_limit"), ProviderErrorKind::QuotaExhausted).await;
    check("google", error("google", 429, "day_quota"), ProviderErrorKind::QuotaExhausted).await;
    check("xai", error("xai", 429, "credits"), ProviderErrorKind::QuotaExhausted).await;
    let told_not_to = ResponseTemplate::new(503).insert_header("x-should-retry", "false");
    check("openai", told_not_to, ProviderErrorKind::Overloaded).await;
}

#[tokio::test]
async fn an_answer_that_began_is_not_asked_for_again() {
    for subject in &SUBJECTS {
        let body = subject.fixture("stream_error.sse");
        let template = ResponseTemplate::new(200).set_body_raw(body, "text/event-stream");
        let server = answering(template).await;
        let error = call(&client(subject, &server.uri(), quick()), subject, true).await.unwrap_err();
        assert_eq!(
            (error.kind, requests(&server).await),
            (ProviderErrorKind::Overloaded, 1),
            "{}",
            subject.name
        );
    }
}

#[tokio::test]
async fn short_waits_are_waited() {
    let check = async |header: &str, value: &str| {
        let subject = Subject::named("openai");
        let server = failing(subject, ResponseTemplate::new(429).insert_header(header, value), 1).await;
        let answer = call(&client(subject, &server.uri(), quick()), subject, false).await;
        assert_eq!((answer.is_ok(), requests(&server).await), (true, 2), "{header}: {value}");
    };
    check("retry-after", "0").await;
    check("retry-after", "0.01").await;
    check("retry-after", "soon").await;
    check("retry-after", "-5").await;
    check("retry-after", "Sat, 01 Jan 2000 00:00:00 GMT").await;
    check("retry-after-ms", "5").await;
    check("retry-after-ms", "5.5").await;
    let google = Subject::named("google");
    let body = google.fixture("errors/rate_limit.json");
    let server = failing(google, ResponseTemplate::new(429).set_body_raw(body, "application/json"), 1).await;
    assert!(call(&client(google, &server.uri(), quick()), google, false).await.is_ok());
}

#[tokio::test]
async fn long_waits_are_left_to_the_caller() {
    let check = async |name: &str, template: ResponseTemplate, settings: ClientSettings, expected_ms: i64| {
        let subject = Subject::named(name);
        let server = failing(subject, template, 1).await;
        let error = call(&client(subject, &server.uri(), settings), subject, false).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::RateLimited);
        assert_eq!((error.retry_after_ms, requests(&server).await), (Some(expected_ms), 1), "{name}");
    };
    let limited = |name: &str, value: &str| ResponseTemplate::new(429).insert_header(name, value);
    check("openai", limited("retry-after", "21"), quick(), 21_000).await;
    check("openai", limited("retry-after-ms", "20001"), quick(), 20_001).await;
    let date = limited("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT");
    let date = date.insert_header("date", "Wed, 21 Oct 2026 07:28:00 GMT");
    check("anthropic", date, quick(), 30_000).await;
    let body = Subject::named("google").fixture("errors/rate_limit_long.json");
    let body = ResponseTemplate::new(429).set_body_raw(body, "application/json");
    check("google", body, quick(), 34_075).await;
}

#[tokio::test]
async fn a_wait_beyond_the_time_that_is_left_is_not_begun() {
    let subject = Subject::named("openai");
    let server = failing(subject, ResponseTemplate::new(429).insert_header("retry-after", "5"), 1).await;
    let error =
        call_within(4_000, &client(subject, &server.uri(), quick()), subject, false).await.unwrap_err();
    assert_eq!((error.retry_after_ms, requests(&server).await), (Some(5_000), 1));
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_overloaded() {
    let subject = Subject::named("openai");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let error = call(&client(subject, &url, quick()), subject, false).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Overloaded);
}
