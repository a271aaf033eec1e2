//! The same scenarios over every adapter, by real sockets.

use crate::{
    errors::TABLES,
    subject::{SOON, SUBJECTS, Subject},
};
use domain::{
    catalog::Category,
    port::{Answer, Call, FinishReason, Provider, ProviderError, ProviderErrorKind},
};
use providers::{ADAPTERS, Body, Client, ClientSettings, KeyCarrier, VendorSettings, vendors};
use std::collections::BTreeSet;
use testkit::{RawServer, Then, open_stream, plain};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

pub const KEY: &str = "secret-4711";

/// Quick to give up, and never patient.
pub fn quick() -> ClientSettings {
    ClientSettings { first_backoff_ms: 1, max_backoff_ms: 1, ..ClientSettings::default() }
}

pub fn client(subject: &Subject, url: &str, settings: ClientSettings) -> Client {
    let vendor = VendorSettings {
        api_key: Some(KEY.into()),
        base_url: Some(url.to_owned()),
        ..VendorSettings::default()
    };
    Client::new(settings, [(subject.vendor.to_owned(), vendor)].into()).unwrap()
}

/// Has a call answered. Deltas must make up the answer, and there are none in a plain one.
pub async fn call(client: &Client, subject: &Subject, stream: bool) -> Result<Answer, ProviderError> {
    answer_to(client, subject.call(stream)).await
}

/// As [`call`], with so many milliseconds for it.
pub async fn call_within(
    timeout_ms: i64,
    client: &Client,
    subject: &Subject,
    stream: bool,
) -> Result<Answer, ProviderError> {
    answer_to(client, Call { timeout_ms, ..subject.call(stream) }).await
}

async fn answer_to(client: &Client, call: Call) -> Result<Answer, ProviderError> {
    let mut text = String::new();
    let mut on_delta = |delta: &str| text.push_str(delta);
    let answer = tokio::time::timeout(SOON, client.call(&call, &mut on_delta)).await.unwrap()?;
    assert_eq!(text, if call.stream { answer.text.as_str() } else { "" });
    Ok(answer)
}

pub async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(template).mount(&server).await;
    server
}

pub fn good(subject: &Subject, stream: bool) -> ResponseTemplate {
    match stream {
        true => ResponseTemplate::new(200).set_body_raw(subject.fixture("stream.sse"), "text/event-stream"),
        false => ResponseTemplate::new(200).set_body_raw(subject.fixture("answer.json"), "application/json"),
    }
}

#[test]
fn every_adapter_is_under_test() {
    let tested: BTreeSet<&str> = SUBJECTS.iter().map(|subject| subject.vendor).collect();
    let speaking = ADAPTERS.iter().filter(|adapter| adapter.serves(Category::Text));
    assert_eq!(speaking.map(|adapter| adapter.vendor()).collect::<BTreeSet<_>>(), tested);
    assert_eq!(vendors().collect::<BTreeSet<_>>().len(), vendors().count());
    for adapter in ADAPTERS {
        assert!(adapter.chat().is_some() || adapter.media().is_some());
        assert!(!adapter.default_base_url().ends_with('/'));
    }
}

#[tokio::test]
async fn answers_come_plain_and_streamed() {
    for subject in &SUBJECTS {
        for stream in [false, true] {
            let server = answering(good(subject, stream)).await;
            let client = client(subject, &server.uri(), quick());
            let answer = call(&client, subject, stream).await;
            assert_eq!(answer, Ok(subject.answer(FinishReason::Stop)), "{} {stream}", subject.name);
        }
    }
}

#[tokio::test]
async fn requests_carry_the_key_where_it_belongs() {
    for subject in &SUBJECTS {
        let server = answering(good(subject, false)).await;
        // A base URL replaces the vendor's, path included, with or without a slash at its end.
        let client = client(subject, &format!("{}/prefix/", server.uri()), quick());
        call(&client, subject, false).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let [request] = requests.as_slice() else { panic!("one call is one request") };
        let encoded = subject.chat().encode(&subject.call(false)).unwrap();
        assert_eq!(request.url.path(), format!("/prefix{}", encoded.path));
        assert_eq!(Body::Bytes(request.body.clone()), encoded.body);
        assert_eq!(request.headers["content-type"], "application/json");
        assert!(!request.url.as_str().contains(KEY));
        match subject.adapter().key_carrier() {
            KeyCarrier::Bearer => assert_eq!(request.headers["authorization"], format!("Bearer {KEY}")),
            KeyCarrier::Header(name) => {
                assert_eq!(request.headers[name], KEY);
                assert!(!request.headers.contains_key("authorization"));
            }
            KeyCarrier::BearerAndHeader(name) => panic!("no conversation needs {name} too"),
        }
    }
}

#[tokio::test]
async fn documented_errors_come_through() {
    let settings = ClientSettings { max_attempts: 1, ..quick() };
    for (name, cases) in TABLES {
        let subject = Subject::named(name);
        for (status, file, kind) in cases {
            let body = subject.fixture(&format!("errors/{file}.json"));
            let template = ResponseTemplate::new(*status).set_body_raw(body, "application/json");
            let server = answering(template).await;
            let client = client(subject, &server.uri(), settings.clone());
            for stream in [false, true] {
                let error = call(&client, subject, stream).await.unwrap_err();
                assert_eq!(error.kind, *kind, "{name} {status} {file} {stream}");
            }
        }
    }
}

#[tokio::test]
async fn malformed_answers_are_named_so() {
    for subject in &SUBJECTS {
        let check = async |stream: bool, template: ResponseTemplate| {
            let server = answering(template).await;
            let error = call(&client(subject, &server.uri(), quick()), subject, stream).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{} {stream}", subject.name);
            assert_eq!(server.received_requests().await.unwrap().len(), 1, "{}", subject.name);
        };
        let ok = || ResponseTemplate::new(200);
        check(false, ok().set_body_raw("<html>", "text/html")).await;
        check(true, ok().set_body_raw("data: {nonsense\n\n", "text/event-stream")).await;
        check(true, ok().set_body_raw("{}", "application/json")).await;
    }
}

#[tokio::test]
async fn streams_that_come_as_json_are_read() {
    for subject in &SUBJECTS {
        let server = answering(good(subject, false)).await;
        let answer = call(&client(subject, &server.uri(), quick()), subject, true).await;
        assert_eq!(answer, Ok(subject.answer(FinishReason::Stop)), "{}", subject.name);
    }
}

#[tokio::test]
async fn cut_answers_are_cut_and_not_asked_for_again() {
    for subject in &SUBJECTS {
        let check = async |stream: bool, bytes: Vec<u8>| {
            let server = RawServer::start(bytes, Then::Close).await;
            let error = call(&client(subject, &server.url, quick()), subject, stream).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::StreamCut, "{} {stream}", subject.name);
            assert_eq!(server.requests(), 1, "{}", subject.name);
        };
        let (answer, stream) = (subject.fixture("answer.json"), subject.fixture("stream.sse"));
        check(false, plain(&answer, answer.len() / 2)).await;
        check(true, open_stream(&stream[..stream.len() / 2])).await;
        // A clean end of the body is no clean end of the answer.
        check(true, [open_stream(&stream[..stream.len() / 2]), b"0\r\n\r\n".to_vec()].concat()).await;
        check(true, Vec::new()).await;
        check(false, Vec::new()).await;
    }
}

#[tokio::test]
async fn oversized_answers_are_refused() {
    for subject in &SUBJECTS {
        for stream in [false, true] {
            let server = answering(good(subject, stream)).await;
            let settings = ClientSettings { max_response_bytes: 100, ..quick() };
            let error = call(&client(subject, &server.uri(), settings), subject, stream).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{} {stream}", subject.name);
            assert!(error.message.contains("100 bytes"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn slow_answers_time_out_and_are_not_asked_for_again() {
    for subject in &SUBJECTS {
        let check = async |stream: bool, bytes: Vec<u8>, timeout_ms: i64, settings: ClientSettings| {
            let server = RawServer::start(bytes, Then::Hang).await;
            let client = client(subject, &server.url, settings);
            let error = call_within(timeout_ms, &client, subject, stream).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Timeout, "{} {stream}", subject.name);
            // On a busy machine the time may be over before the request gets there.
            assert!(server.requests() <= 1, "{}", subject.name);
        };
        const PATIENCE_MS: u16 = 400;
        let idle = || ClientSettings { idle_timeout_ms: PATIENCE_MS.into(), ..quick() };
        let (answer, stream) = (subject.fixture("answer.json"), subject.fixture("stream.sse"));
        let half = || open_stream(&stream[..stream.len() / 2]);
        tokio::join!(
            check(false, Vec::new(), PATIENCE_MS.into(), quick()),
            check(false, plain(&answer, 20), PATIENCE_MS.into(), quick()),
            check(true, half(), PATIENCE_MS.into(), quick()),
            check(true, Vec::new(), 60_000, idle()),
            check(true, half(), 60_000, idle()),
        );
    }
}

/// A vendor that has said its last word need not close the connection.
#[tokio::test]
async fn answers_do_not_wait_for_the_connection_to_close() {
    for subject in SUBJECTS.iter().filter(|subject| subject.vendor != "google") {
        let server = RawServer::start(open_stream(&subject.fixture("stream.sse")), Then::Hang).await;
        let answer = call(&client(subject, &server.url, quick()), subject, true).await;
        assert_eq!(answer, Ok(subject.answer(FinishReason::Stop)), "{}", subject.name);
    }
}
