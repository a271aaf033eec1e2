//! When a vendor is not asked at all.

use crate::{
    conformance::{KEY, answering, call, call_within, client, good, quick},
    media_subject::{SUBJECTS, fixture, on_disk},
    subject::Subject,
};
use domain::{
    media::Made,
    port::{Provider, ProviderErrorKind},
};
use providers::{Client, ClientSettings, VendorSettings};
use testkit::{RawServer, Then};
use wiremock::{Mock, ResponseTemplate, matchers::any};

/// One attempt a call; open after three failures, for as long as any test lasts.
fn three_failures() -> ClientSettings {
    ClientSettings { max_attempts: 1, breaker_failures: 3, breaker_open_ms: 60_000, ..quick() }
}

#[tokio::test]
async fn a_vendor_that_keeps_failing_is_left_alone() {
    let check = async |template: ResponseTemplate, kind: ProviderErrorKind, opens: bool| {
        let subject = Subject::named("openai");
        let server = answering(template).await;
        let client = client(subject, &server.uri(), three_failures());
        for _ in 0..3 {
            client.ready("openai").unwrap();
            assert_eq!(call(&client, subject, false).await.unwrap_err().kind, kind);
        }
        let error = call(&client, subject, false).await.unwrap_err();
        let (expected, requests) = if opens { (ProviderErrorKind::CircuitOpen, 3) } else { (kind, 4) };
        assert_eq!(error.kind, expected);
        assert_eq!(server.received_requests().await.unwrap().len(), requests, "{kind:?}");
        assert_eq!(
            client.ready("openai").map_err(|error| error.kind),
            if opens { Err(expected) } else { Ok(()) }
        );
        if opens {
            assert!(error.retry_after_ms.is_some_and(|ms| (50_000..=60_000).contains(&ms)), "{error:?}");
        }
        client.ready("anthropic").unwrap();
    };
    let status = ResponseTemplate::new;
    let moderated = Subject::named("openai").fixture("errors/policy.json");
    check(status(500), ProviderErrorKind::Overloaded, true).await;
    check(status(401), ProviderErrorKind::BadKey, true).await;
    check(status(429), ProviderErrorKind::RateLimited, false).await;
    check(status(400), ProviderErrorKind::RejectedRequest, false).await;
    check(status(400).set_body_raw(moderated, "application/json"), ProviderErrorKind::ContentRefused, false)
        .await;
    check(status(200).set_body_raw("<html>", "text/html"), ProviderErrorKind::BadResponse, false).await;
}

#[tokio::test]
async fn attempts_are_no_calls() {
    let subject = Subject::named("openai");
    let server = answering(ResponseTemplate::new(503)).await;
    let settings = ClientSettings { max_attempts: 5, ..three_failures() };
    let client = client(subject, &server.uri(), settings);
    for _ in 0..3 {
        assert_eq!(call(&client, subject, false).await.unwrap_err().kind, ProviderErrorKind::Overloaded);
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 15);
}

#[tokio::test]
async fn a_vendor_that_is_back_is_asked_again() {
    let subject = Subject::named("openai");
    let server = answering(ResponseTemplate::new(503)).await;
    let settings = ClientSettings { breaker_open_ms: 0, ..three_failures() };
    let client = client(subject, &server.uri(), settings);
    for _ in 0..4 {
        assert_eq!(call(&client, subject, false).await.unwrap_err().kind, ProviderErrorKind::Overloaded);
    }
    server.reset().await;
    Mock::given(any()).respond_with(good(subject, false)).mount(&server).await;
    call(&client, subject, false).await.unwrap();
}

#[tokio::test]
async fn a_vendor_gets_so_much_work_at_once() {
    let subject = Subject::named("openai");
    let server = RawServer::start(Vec::new(), Then::Hang).await;
    let vendor = VendorSettings {
        api_key: Some(KEY.into()),
        base_url: Some(server.url.clone()),
        max_concurrency: 2,
        ..VendorSettings::default()
    };
    let settings = ClientSettings { max_queue_ms: 50, ..three_failures() };
    let client = Client::new(settings, [("openai".to_owned(), vendor)].into()).unwrap();
    let calls = || call_within(1_000, &client, subject, false);
    let (first, second, third) = tokio::join!(calls(), calls(), calls());
    let kinds = [first, second, third].map(|result| result.unwrap_err().kind);
    // Two that hang have both slots.
    assert_eq!(kinds, [ProviderErrorKind::Timeout, ProviderErrorKind::Timeout, ProviderErrorKind::Busy]);
    assert_eq!(server.requests(), 2);
    let error = call_within(1_000, &client, subject, false).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Timeout, "slots are given back");
}

#[tokio::test]
async fn jobs_are_asked_after_whatever_becomes_of_new_ones() {
    for subject in SUBJECTS.iter().filter(|subject| subject.answers.len() > 1) {
        let (call, _folder) = on_disk(subject.call());
        let client = |url: String| {
            let vendor = VendorSettings {
                api_key: Some(KEY.into()),
                base_url: Some(url),
                ..VendorSettings::default()
            };
            let settings = ClientSettings { breaker_failures: 1, ..three_failures() };
            Client::new(settings, [(call.vendor.clone(), vendor)].into()).unwrap()
        };
        let started = fixture(subject.answers[0]);
        let starting = answering(ResponseTemplate::new(200).set_body_raw(started, "application/json")).await;
        let Made::Job(job) = client(starting.uri()).make(&call).await.unwrap() else { continue };

        let failing = answering(ResponseTemplate::new(500)).await;
        let client = client(failing.uri());
        assert_eq!(client.poll(&call, &job.state).await.unwrap_err().kind, ProviderErrorKind::Overloaded);
        client.ready(&call.vendor).unwrap();
        assert_eq!(client.make(&call).await.unwrap_err().kind, ProviderErrorKind::Overloaded);
        assert_eq!(client.make(&call).await.unwrap_err().kind, ProviderErrorKind::CircuitOpen);
        assert_eq!(client.poll(&call, &job.state).await.unwrap_err().kind, ProviderErrorKind::Overloaded);
        let canceled = client.cancel(&call, &job.state).await.map_err(|error| error.kind);
        assert_ne!(canceled, Err(ProviderErrorKind::CircuitOpen), "{}", subject.slug);
    }
}
