//! The same scenarios over every media adapter, by real sockets.

use crate::{
    conformance::{KEY, quick},
    media_subject::{FILE_BYTES, MediaSubject, SUBJECTS, content_type, fixture, media, on_disk, restarted},
    subject::SOON,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    media::{Made, MediaCall, Product, ProductFile},
    port::{Provider, ProviderError, ProviderErrorKind},
};
use providers::{ADAPTERS, Client, ClientSettings, Exchange, InputForm, Repeat, VendorSettings};
use serde_json::json;
use testkit::{RawServer, Then};
use wiremock::{Mock, MockServer, Request as Received, ResponseTemplate, matchers::any};

fn client(call: &MediaCall, url: &str, settings: ClientSettings) -> Client {
    let vendor = VendorSettings {
        api_key: Some(KEY.into()),
        base_url: Some(url.to_owned()),
        ..VendorSettings::default()
    };
    Client::new(settings, [(call.vendor.clone(), vendor)].into()).unwrap()
}

/// A server that gives each of these answers once, in this order.
async fn serving(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    for answer in answers {
        Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    server
}

fn good(subject: &MediaSubject) -> Vec<ResponseTemplate> {
    let answer = |file: &&str| ResponseTemplate::new(200).set_body_raw(fixture(file), content_type(file));
    subject.answers.iter().map(answer).collect()
}

/// Makes it, and asks after the job until it is done.
async fn made(client: &Client, call: &MediaCall) -> Result<Product, ProviderError> {
    let run = async {
        let mut made = client.make(call).await?;
        loop {
            match made {
                Made::Done(product) => return Ok(product),
                Made::Job(job) => made = client.poll(call, &restarted(job).state).await?,
            }
        }
    };
    tokio::time::timeout(SOON, run).await.unwrap()
}

async fn received(server: &MockServer) -> Vec<Received> {
    server.received_requests().await.unwrap()
}

#[test]
fn every_vendor_of_media_is_under_test() {
    for adapter in ADAPTERS.iter().filter(|adapter| adapter.media().is_some()) {
        let is_tested = |subject: &&MediaSubject| subject.call().vendor == adapter.vendor();
        assert!(SUBJECTS.iter().any(|subject| is_tested(&subject)), "{}", adapter.vendor());
    }
}

#[tokio::test]
async fn products_come_over_sockets() {
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(subject.call());
        let server = serving(good(subject)).await;
        let product = made(&client(&call, &server.uri(), quick()), &call).await.unwrap();
        assert!(product.text.is_some() || !product.files.is_empty(), "{}", subject.slug);
        if let [ProductFile::Path(path)] = product.files.as_slice() {
            assert_eq!(std::fs::read(path).unwrap(), fixture(subject.answers.last().unwrap()));
        }
        for request in received(&server).await {
            assert!(!request.url.as_str().contains(KEY), "{}", subject.slug);
            assert!(request.headers.values().any(|value| value.to_str().unwrap().contains(KEY)));
        }
    }
}

#[tokio::test]
async fn files_go_as_they_are_or_in_base64() {
    let base64 = STANDARD.encode(FILE_BYTES);
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(subject.call());
        let is_sent = |name: &&String| media(&call).input_form(&call, name) == InputForm::Bytes;
        if call.inputs.keys().find(is_sent).is_none() {
            continue;
        }
        let server = serving(good(subject)).await;
        made(&client(&call, &server.uri(), quick()), &call).await.unwrap();
        let holds = |body: &[u8], file: &[u8]| body.windows(file.len()).any(|window| window == file);
        let sent = received(&server).await;
        let mut bodies = sent.iter().map(|request| request.body.as_slice());
        assert!(
            bodies.any(|body| holds(body, FILE_BYTES) || holds(body, base64.as_bytes())),
            "{}",
            subject.slug
        );
    }
}

#[tokio::test]
async fn load_is_waited_out() {
    for subject in SUBJECTS {
        for status in [429, 503, 529] {
            let (call, _folder) = on_disk(subject.call());
            let answers =
                good(subject).into_iter().flat_map(|answer| [ResponseTemplate::new(status), answer]);
            let server = serving(answers.collect()).await;
            made(&client(&call, &server.uri(), quick()), &call).await.unwrap();
            assert_eq!(received(&server).await.len(), 2 * subject.answers.len(), "{} {status}", subject.slug);
        }
    }
}

/// MiniMax tells nearly all its trouble under status 200. Being told to slow down is being turned away all the same.
#[tokio::test]
async fn load_that_is_told_within_an_answer_is_waited_out() {
    let subject = SUBJECTS.iter().find(|subject| subject.slug.starts_with("minimax")).unwrap();
    let (call, _folder) = on_disk(subject.call());
    let saying = |code: u32| {
        let body = json!({ "base_resp": { "status_code": code, "status_msg": "no" } });
        ResponseTemplate::new(200).set_body_json(body)
    };
    let server = serving([saying(1002)].into_iter().chain(good(subject)).collect()).await;
    made(&client(&call, &server.uri(), quick()), &call).await.unwrap();
    assert_eq!(received(&server).await.len(), 2);
    for (code, kind, attempts, is_free) in [
        (1002, ProviderErrorKind::RateLimited, quick().max_attempts, true),
        (1000, ProviderErrorKind::Overloaded, 1, false),
    ] {
        let server = serving(vec![saying(code); quick().max_attempts]).await;
        let error = made(&client(&call, &server.uri(), quick()), &call).await.unwrap_err();
        assert_eq!((error.kind, error.is_free), (kind, is_free), "{code}");
        assert_eq!(received(&server).await.len(), attempts, "{code}");
    }
}

/// What the vendor may have begun to work on is not sent again; what only asks is.
#[tokio::test]
async fn cut_answers_are_asked_for_again_where_it_costs_nothing() {
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(subject.call());
        let server = RawServer::start(Vec::new(), Then::Close).await;
        let error = made(&client(&call, &server.url, quick()), &call).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::StreamCut, "{}", subject.slug);
        let Exchange { repeat, .. } = media(&call).start(&call).unwrap();
        let attempts = if repeat == Repeat::Harmless { quick().max_attempts } else { 1 };
        assert_eq!(server.requests(), attempts, "{}", subject.slug);
    }
}

/// What a vendor turned away is not on its bill; what it may have begun is.
#[tokio::test]
async fn what_may_be_charged_is_told() {
    for subject in SUBJECTS {
        let statuses = [(429, true), (503, true), (400, true), (401, true), (408, false), (502, false)];
        for (status, may_be_free) in statuses {
            let (call, _folder) = on_disk(subject.call());
            let server = serving(vec![ResponseTemplate::new(status); 2]).await;
            let error = made(&client(&call, &server.uri(), quick()), &call).await.unwrap_err();
            let Exchange { repeat, .. } = media(&call).start(&call).unwrap();
            let is_free = may_be_free || repeat == Repeat::Harmless;
            assert_eq!(error.is_free, is_free, "{} {status}: {error}", subject.slug);
        }
        // Once it has answered, what follows is about work that it did.
        if let [first, _, ..] = good(subject).as_slice() {
            let (call, _folder) = on_disk(subject.call());
            let server = serving(vec![first.clone(), ResponseTemplate::new(404)]).await;
            let client = client(&call, &server.uri(), quick());
            if let Ok(Made::Job(job)) = client.make(&call).await {
                assert!(!client.poll(&call, &job.state).await.unwrap_err().is_free, "{}", subject.slug);
            }
        }
    }
}

#[tokio::test]
async fn oversized_answers_are_refused() {
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(subject.call());
        let server = serving(good(subject)).await;
        let settings = ClientSettings { max_response_bytes: 10, max_result_bytes: 10, ..quick() };
        let error = made(&client(&call, &server.uri(), settings), &call).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{}", subject.slug);
        assert!(error.message.contains("10 bytes"), "{}", error.message);
    }
}

#[tokio::test]
async fn slow_answers_time_out() {
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(MediaCall { timeout_ms: 400, ..subject.call() });
        let server = RawServer::start(Vec::new(), Then::Hang).await;
        let error = made(&client(&call, &server.url, quick()), &call).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Timeout, "{}", subject.slug);
    }
}

#[tokio::test]
async fn malformed_answers_are_named_so() {
    for subject in SUBJECTS {
        let bodies = [("<html>", "text/html"), ("{nonsense", "application/json"), ("{}", "application/json")];
        for (body, content_type) in bodies {
            let (call, _folder) = on_disk(subject.call());
            let server = serving(vec![ResponseTemplate::new(200).set_body_raw(body, content_type)]).await;
            let error = made(&client(&call, &server.uri(), quick()), &call).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{} {body}", subject.slug);
        }
    }
}

/// Vendors without jobs, or without a way to stop them, say so.
#[tokio::test]
async fn jobs_are_stopped_where_the_vendor_can() {
    for subject in SUBJECTS {
        let (call, _folder) = on_disk(subject.call());
        let server = serving([good(subject), vec![ResponseTemplate::new(200)]].concat()).await;
        let client = client(&call, &server.uri(), quick());
        let Made::Job(job) = client.make(&call).await.unwrap() else { continue };
        let before = received(&server).await.len();
        let is_stopped = client.cancel(&call, &job.state).await.unwrap();
        assert_eq!(received(&server).await.len() - before, usize::from(is_stopped), "{}", subject.slug);
    }
}
