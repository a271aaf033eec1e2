//! What keeps one vendor's trouble, and its bill, from growing.

use crate::{files::wav, refused, vendor_bill::vendor_cost, wrong_fields};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase, file, send};

testkit::on_each_database!(a_vendor_that_keeps_failing_is_left_alone, what_vendors_charge_is_on_record,);

/// Calls in a row that must fail before a vendor is left alone, unless an operator says otherwise.
const BREAKER_FAILURES: u64 = 20;
async fn a_vendor_that_keeps_failing_is_left_alone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    // A conversation that its vendor answers with an error is asked again; a job may have begun.
    for (vendor, model, attempts) in [("openai", "gpt-5-nano", 2), ("replicate", "flux-1.1-pro", 1)] {
        service.break_vendor(vendor, "500", 1_000).await;
        for _ in 0..BREAKER_FAILURES {
            let details = refused(&waited(&service, &account, model).await, 500, "provider_error");
            assert!(details["generation_id"].is_i64(), "{details}");
        }
        let calls = service.calls_of(vendor).await;
        assert_eq!(calls, BREAKER_FAILURES * attempts);
        // It is refused before anything is held: also what answers 202 otherwise, and what streams.
        let body = json!({ "model": model, "prompt": "hello" });
        let path = if vendor == "openai" { "/generate/stream" } else { "/generate" };
        for reply in [
            service.generate(&account.key, model, "hello").await,
            service.post(path, &account.key, &body).await,
        ] {
            assert_eq!(refused(&reply, 503, "model_unavailable"), json!({}));
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=15).contains(&seconds), "{reply:?}");
        }
        assert_eq!(service.calls_of(vendor).await, calls, "the vendor is not asked");
    }
    service.generate(&account.key, "claude-haiku-4.5", "hello").await.expect(200);
    let models = service.get("/models/gpt-5-nano", "").await.expect(200);
    assert_eq!(models["available"], true, "it comes back by itself");
    assert_eq!(service.balance(&account.key).await, 1_499);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// A generation that is waited for, however its model answers.
async fn waited(service: &Service, account: &Account, model: &str) -> Reply {
    let body: Value = json!({ "model": model, "prompt": "hello" });
    let request = service.request(Method::POST, "/api/v2/generate", &account.key);
    let request = request.header("content-type", "application/json").header("prefer", "wait=20");
    send(request.body(body.to_string())).await
}

async fn what_vendors_charge_is_on_record(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let check = async |body: Value, expected: i64| {
        let mut generation = service.post("/generate", key, &body).await.json();
        if generation["status"] == "pending" {
            generation = service.pump(key, &generation["id"]).await;
        }
        assert_eq!(generation["status"], "completed", "{generation:#}");
        assert_eq!(vendor_cost(&service, &account, &generation["id"]).await, Some(expected), "{body}");
    };
    check(json!({ "model": "openai-tts", "text": "x".repeat(100) }), 1_500).await;
    check(json!({ "model": "dall-e-3", "prompt": "a boat", "quality": "hd" }), 80_000).await;
    check(json!({ "model": "photon-1", "prompt": "a boat" }), 15_000).await;
    check(json!({ "model": "luma-ray2", "prompt": "a boat", "duration": 9 }), 1_278_000).await;

    let text = service.generate(key, "gpt-5", "hello").await.expect(200);
    let usage = &text["result_metadata"]["usage"];
    let tokens = |name: &str| usage[name].as_i64().unwrap();
    let most = (tokens("input_tokens") * 1_250_000 + tokens("output_tokens") * 10_000_000) / 1_000_000 + 1;
    let cost = vendor_cost(&service, &account, &text["id"]).await.unwrap();
    assert!((1..=most).contains(&cost), "{cost} of {usage}");
    let heard =
        service.post_form("/stt", key, &[file("audio", "a.wav", &wav(8_000, 16_000))]).await.expect(200);
    assert_eq!(vendor_cost(&service, &account, &heard["id"]).await, Some(200));

    let failed = service.generate(key, "gpt-5", "[[fault:malformed]]").await;
    let id = &refused(&failed, 500, "provider_error")["generation_id"];
    assert_eq!(vendor_cost(&service, &account, id).await, None);
}

/// What a price does not cover is refused, and the catalog says so.
#[tokio::test]
async fn limits_hold_what_a_price_buys() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (model, field, most) in [("openai-tts", "text", 3_600), ("gpt-image-1.5", "prompt", 500)] {
        let config = service.get(&format!("/models/{model}"), "").await.expect(200)["config"].clone();
        assert_eq!(config["max_input_chars"], most, "{config}");
        assert_eq!(config["parameters"][field]["max_chars"], most, "{config}");
        let body = |chars: usize| json!({ "model": model, field: "x".repeat(chars) });
        let reply = service.post("/generate", &account.key, &body(most + 1)).await;
        assert_eq!(wrong_fields(&reply, &[field]), [json!([format!("0..{most}")])]);
        // However much too long it is, the limit named is the one to keep to.
        let reply = service.post("/generate", &account.key, &body(40_000)).await;
        wrong_fields(&reply, &[field]);
        assert!(format!("{reply:?}").contains(&format!(" {most}")), "{reply:?}");
        service.post("/generate", &account.key, &body(most)).await.expect(200);
    }
}
