//! Callbacks of vendors: taken where they are asked for, held against their signature, and never more than a hint.

use crate::refused;
use domain::port::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::{Account, Reply, Service, Setup, TestDatabase, send};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

testkit::on_each_database!(
    nobody_is_asked_to_call_unless_that_is_set,
    a_signed_callback_makes_its_job_due,
    what_is_not_signed_is_nothing,
    an_unsigned_vendor_is_known_by_the_address,
);

const MINUTE_MS: i64 = 60_000;

/// A service whose vendors are all one server, that starts every job and ends none.
async fn service(database: &TestDatabase, callbacks: bool) -> (Service, MockServer) {
    let vendor = MockServer::start().await;
    // What starts a job, in the words of Replicate and of Luma.
    let started = json!({ "id": "job-1", "status": "starting", "state": "queued" });
    Mock::given(any()).respond_with(ResponseTemplate::new(201).set_body_json(started)).mount(&vendor).await;
    let vendors_url: &'static str = Box::leak(vendor.uri().into_boxed_str());
    let setup = Setup { callbacks, vendors_url: Some(vendors_url), ..Setup::default() };
    (Service::start_with(database, setup).await, vendor)
}

/// Begins a job of `model`, and gives what its vendor was told under `field`.
async fn told(service: &Service, vendor: &MockServer, account: &Account, model: &str, field: &str) -> Value {
    service.begin_job(account, &json!({ "model": model, "prompt": "A boat." })).await;
    let requests = vendor.received_requests().await.unwrap();
    let body: Value = requests.last().unwrap().body_json().unwrap();
    body[field].clone()
}

/// Whose headers are to be sent with a body.
struct Signed {
    id: &'static str,
    at_ms: i64,
    signature: String,
}

fn signed(secret: &str, at_ms: i64, body: &str) -> Signed {
    let id = "msg_job-1";
    let signature = Webhook::new(secret).unwrap().sign(id, at_ms / 1_000, body.as_bytes()).unwrap();
    Signed { id, at_ms, signature }
}

fn secret() -> &'static str {
    sandbox::webhook_secret("replicate").unwrap()
}

async fn call_back(service: &Service, url: &str, signed: &Signed, body: &str) -> Reply {
    let path = url.strip_prefix(&service.url).unwrap();
    let request = service.request(Method::POST, path, "").body(body.to_owned());
    let request = request
        .header("Webhook-Id", signed.id)
        .header("Webhook-Timestamp", signed.at_ms / 1_000)
        .header("Webhook-Signature", &signed.signature);
    send(request).await
}

const BODY: &str = r#"{"id":"job-1","status":"succeeded"}"#;

async fn nobody_is_asked_to_call_unless_that_is_set(database: TestDatabase) {
    let (service, vendor) = service(&database, false).await;
    let account = service.account_with(100).await;
    for (model, field) in [("flux-1.1-pro", "webhook"), ("photon-1", "callback_url")] {
        assert_eq!(told(&service, &vendor, &account, model, field).await, Value::Null, "{model}");
    }
}

async fn a_signed_callback_makes_its_job_due(database: TestDatabase) {
    let (service, vendor) = service(&database, true).await;
    let account = service.account_with(100).await;
    let url = told(&service, &vendor, &account, "flux-1.1-pro", "webhook").await;
    let url = url.as_str().unwrap();
    assert_eq!(service.poll().await, 0, "it is not due by itself");
    let signed = signed(secret(), service.clock.now().unix_ms(), BODY);
    // The same one again is no harm: it asks once more, and settles nothing.
    for _ in 0..2 {
        assert_eq!(call_back(&service, url, &signed, BODY).await.expect(200), json!({}));
        assert_eq!(service.poll().await, 1);
        assert_eq!(service.poll().await, 0);
    }
    assert_eq!(service.balance(&account.key).await, 93, "what it says is not believed");
    let unknown = format!("{}{}", &url[..url.len() - "00.replicate".len()], "zz.replicate");
    refused(&call_back(&service, &unknown, &signed, BODY).await, 404, "not_found");
    assert_eq!(service.assert_verifies().await.open_holds, 1);
}

async fn what_is_not_signed_is_nothing(database: TestDatabase) {
    let (service, vendor) = service(&database, true).await;
    let account = service.account_with(100).await;
    let url = told(&service, &vendor, &account, "flux-1.1-pro", "webhook").await;
    let url = url.as_str().unwrap();
    let now_ms = service.clock.now().unix_ms();
    let good = || signed(secret(), now_ms, BODY);
    let other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let cases = [
        ("another body", good(), r#"{"id":"job-1","status":"succeeded" }"#),
        ("no body", good(), ""),
        ("another secret", signed(other_secret, now_ms, BODY), BODY),
        ("an old one", signed(secret(), now_ms - 6 * MINUTE_MS, BODY), BODY),
        ("one ahead of its time", signed(secret(), now_ms + 6 * MINUTE_MS, BODY), BODY),
        ("another time", Signed { at_ms: now_ms - MINUTE_MS, ..good() }, BODY),
        ("another id", Signed { id: "msg_2", ..good() }, BODY),
        ("no signature", Signed { signature: String::new(), ..good() }, BODY),
    ];
    for (what, signed, body) in cases {
        let reply = call_back(&service, url, &signed, body).await;
        refused(&reply, 404, "not_found");
        assert_eq!(service.poll().await, 0, "{what}");
    }
    let path = url.strip_prefix(&service.url).unwrap();
    refused(&send(service.request(Method::POST, path, "").body(BODY)).await, 404, "not_found");
    // Under the name of a vendor that does not sign, it is another address.
    let forged = url.replace(".replicate", ".luma");
    refused(&call_back(&service, &forged, &good(), BODY).await, 404, "not_found");
    assert_eq!(service.poll().await, 0);
}

async fn an_unsigned_vendor_is_known_by_the_address(database: TestDatabase) {
    let (service, vendor) = service(&database, true).await;
    let account = service.account_with(100).await;
    let url = told(&service, &vendor, &account, "photon-1", "callback_url").await;
    let path = url.as_str().unwrap().strip_prefix(&service.url).unwrap().to_owned();
    for body in ["", "{}", "nonsense", r#"{"id":"job-1","state":"completed"}"#] {
        assert_eq!(service.poll().await, 0);
        send(service.request(Method::POST, &path, "").body(body)).await.expect(200);
        assert_eq!(service.poll().await, 1, "{body}");
    }
    assert_eq!(service.balance(&account.key).await, 97);
}
