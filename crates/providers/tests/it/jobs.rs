//! Vendors whose work goes on as jobs.

use crate::{
    conformance::{KEY, answering, quick},
    media_subject::{MediaSubject, SUBJECTS, adapter, check_request, fixture, media, on_disk},
};
use domain::{
    catalog::{Catalog, Sources},
    media::{Job, MediaCall, Product},
    port::{Provider, ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use providers::{Client, ClientSettings, Exchange, Reply, Response, Step, VendorSettings};
use serde_json::Value;
use std::collections::BTreeSet;
use testkit::{RawServer, Then, plain};
use wiremock::ResponseTemplate;

/// Every model of `vendor` says all its parameters as in `requests/<slug>.json`. The table is what clients send, and must
/// hold each parameter of each model.
pub fn check_requests(vendor: &str, table: &[(&str, Value)]) {
    let catalog = Catalog::parse(&Sources::default()).unwrap();
    let sold = catalog.models().iter().filter(|model| model.vendor == vendor);
    let sold: BTreeSet<&str> = sold.map(|model| model.slug.as_str()).collect();
    assert_eq!(table.iter().map(|(slug, _)| *slug).collect::<BTreeSet<_>>(), sold);
    for (slug, given) in table {
        let params = catalog.model(slug).unwrap().params.keys();
        assert!(params.eq(given.as_object().unwrap().keys()), "{slug} takes other parameters");
        let call = crate::media_subject::call(slug, given);
        check_request(&call, &format!("{vendor}/requests/{slug}.json"));
    }
}

/// What the adapter makes of `reply` to what starts `call`.
pub fn next(call: &MediaCall, reply: &Reply) -> Result<Step, ProviderError> {
    let Exchange { state, .. } = media(call).start(call).unwrap();
    media(call).next(call, &state, reply)
}

pub fn wait(step: Step) -> Job {
    match step {
        Step::Wait(job) => job,
        other => panic!("no job runs: {other:?}"),
    }
}

pub fn done(step: Step) -> Product {
    match step {
        Step::Done(product) => product,
        other => panic!("it is not done: {other:?}"),
    }
}

/// What the adapter makes of an answer of that status, told by a fixture.
pub fn error(call: &MediaCall, status: u16, file: &str) -> ProviderError {
    let status = StatusCode::from_u16(status).unwrap();
    adapter(call).decode_error(&Response { status, body: fixture(file) })
}

/// Polls a job, started as the fixtures say, at a server that says only `said`, and then closes.
async fn poll(
    subject: &MediaSubject,
    said: Vec<u8>,
    settings: ClientSettings,
) -> Option<(ProviderError, usize)> {
    let (call, _folder) = on_disk(subject.call());
    let client = |url: &str, settings: ClientSettings| {
        let vendor = VendorSettings {
            api_key: Some(KEY.into()),
            base_url: Some(url.to_owned()),
            ..VendorSettings::default()
        };
        Client::new(settings, [(call.vendor.clone(), vendor)].into()).unwrap()
    };
    let body = fixture(subject.answers[0]);
    let starting = answering(ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
    let domain::media::Made::Job(job) = client(&starting.uri(), quick()).make(&call).await.unwrap() else {
        return None;
    };
    let server = RawServer::start(said, Then::Close).await;
    let error = client(&server.url, settings).poll(&call, &job.state).await.unwrap_err();
    Some((error, server.requests()))
}

fn with_jobs() -> impl Iterator<Item = &'static MediaSubject> {
    SUBJECTS.iter().filter(|subject| subject.answers.len() > 1)
}

/// Asking costs nothing.
#[tokio::test]
async fn polls_that_were_cut_are_repeated() {
    for subject in with_jobs() {
        let end = fixture(subject.answers.last().unwrap());
        for said in [Vec::new(), plain(&end, end.len() / 2)] {
            let (error, polls) = poll(subject, said, quick()).await.unwrap();
            assert_eq!(error.kind, ProviderErrorKind::StreamCut, "{}", subject.slug);
            assert_eq!(polls, quick().max_attempts, "{}", subject.slug);
        }
    }
}

#[tokio::test]
async fn malformed_and_oversized_polls_are_named_so() {
    for subject in with_jobs() {
        let end = fixture(subject.answers.last().unwrap());
        let small = ClientSettings { max_response_bytes: 20, ..quick() };
        let html = b"<html>a page of a proxy's</html>".as_slice();
        for (said, settings) in [(html, quick()), (end.as_slice(), small)] {
            let (error, polls) = poll(subject, plain(said, said.len()), settings).await.unwrap();
            assert_eq!((error.kind, polls), (ProviderErrorKind::BadResponse, 1), "{}", subject.slug);
        }
    }
}
