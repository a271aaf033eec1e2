//! What somebody who watches gets to see, and what not.

use crate::{
    conformance::{KEY, answering, quick},
    media_subject::{self, SUBJECTS as MEDIA, on_disk},
    subject::SUBJECTS,
};
use domain::{media::MediaCall, port::Provider};
use providers::{Client, Observed, Observer, Shown, VendorSettings};
use std::sync::{Arc, Mutex};
use wiremock::ResponseTemplate;

type Seen = Arc<Mutex<Vec<Observed>>>;

/// A client that writes down what it tells.
fn observed(vendor: &str, url: &str) -> (Client, Seen) {
    let seen = Seen::default();
    let settings =
        VendorSettings { api_key: Some(KEY.into()), base_url: Some(url.to_owned()), ..Default::default() };
    let client = Client::new(quick(), [(vendor.to_owned(), settings)].into()).unwrap();
    let writer = Arc::clone(&seen);
    let observer: Observer = Arc::new(move |observed| writer.lock().unwrap().push(observed.clone()));
    (client.observed_by(&observer), seen)
}

fn check(seen: &Seen, status: u16, method: &str) -> Shown {
    let seen = seen.lock().unwrap();
    assert!(!format!("{seen:?}").contains(KEY), "{seen:?}");
    let [Observed::Sent(shown), Observed::Answered { status: answered, .. }] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!((shown.method.as_str(), *answered), (method, status));
    assert!(shown.headers.values().any(|value| value.contains('…')), "{shown:?}");
    shown.clone()
}

#[tokio::test]
async fn requests_are_shown_without_the_key() {
    for subject in &SUBJECTS {
        let server = answering(ResponseTemplate::new(400).set_body_string(KEY)).await;
        let (client, seen) = observed(subject.vendor, &server.uri());
        client.call(&subject.call(false), &mut |_: &str| {}).await.unwrap_err();
        assert!(check(&seen, 400, "POST").body.to_string().contains("Hello."), "{}", subject.name);
    }
    for subject in MEDIA {
        let (call, _folder) = on_disk(subject.call());
        let server = answering(ResponseTemplate::new(400).set_body_string(KEY)).await;
        let (client, seen) = observed(&call.vendor, &server.uri());
        client.make(&call).await.unwrap_err();
        let shown = check(&seen, 400, "POST");
        assert!(!shown.body.is_null() && shown.url.starts_with(&server.uri()), "{shown:?}");
    }
}

#[tokio::test]
async fn bodies_are_shown_in_short() {
    let prompt = "и".repeat(1_000);
    let given = serde_json::json!({ "prompt": prompt, "image_url": "https://example.com/a.png" });
    let (call, _folder): (MediaCall, _) = on_disk(media_subject::call("flux-kontext-pro", &given));
    let server = answering(ResponseTemplate::new(400)).await;
    let (client, seen) = observed(&call.vendor, &server.uri());
    client.make(&call).await.unwrap_err();
    let body = check(&seen, 400, "POST").body.to_string();
    assert!(body.len() < 2_000 && body.contains("(1000 characters)"), "{body}");
}

#[tokio::test]
async fn every_attempt_is_told() {
    let subject = &SUBJECTS[0];
    let server = answering(ResponseTemplate::new(503)).await;
    let (client, seen) = observed(subject.vendor, &server.uri());
    client.call(&subject.call(false), &mut |_: &str| {}).await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 2 * quick().max_attempts);

    let (client, seen) = observed(subject.vendor, "http://127.0.0.1:9");
    client.call(&subject.call(false), &mut |_: &str| {}).await.unwrap_err();
    assert!(matches!(seen.lock().unwrap().last(), Some(Observed::Unanswered { .. })));
}
