//! What keeps one vendor's trouble, and its bill, from growing.

use crate::{files::wav, refused, wrong_fields};
use domain::{id::GenerationId, time::DAY_MS};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, Setup, TestDatabase, file, send};

testkit::on_each_database!(
    a_vendor_that_keeps_failing_is_left_alone,
    what_vendors_charge_is_on_record,
    a_day_costs_no_more_than_its_limit,
);

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

/// What the vendor charges for a generation, by its record.
async fn vendor_cost(service: &Service, account: &Account, id: &Value) -> Option<i64> {
    let caller = service.app.authenticate(&account.key).await.unwrap();
    let id = GenerationId(id.as_i64().unwrap());
    service.app.generation(&caller, id).await.unwrap().record.vendor_cost_micro_usd
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
        service.post("/generate", &account.key, &body(most)).await.expect(200);
    }
}

async fn a_day_costs_no_more_than_its_limit(database: TestDatabase) {
    const HOUR_MS: i64 = 3_600_000;
    let setup = |vendor| Setup { daily_spend: Some((vendor, 80_000)), ..Setup::default() };
    let service = Service::start_with(&database, setup("openai")).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let draw = json!({ "model": "dall-e-3", "prompt": "a boat" });
    let is_stopped = async |service: &Service, body: &Value, seconds: &str| {
        let reply = service.post("/generate", key, body).await;
        assert_eq!(refused(&reply, 503, "model_unavailable"), json!({}));
        assert_eq!(reply.header("retry-after"), Some(seconds), "{reply:?}");
    };
    for _ in 0..2 {
        service.post("/generate", key, &draw).await.expect(200);
    }
    let calls = service.calls_of("openai").await;
    is_stopped(&service, &draw, "86400").await;
    is_stopped(&service, &json!({ "model": "gpt-5", "prompt": "hello" }), "86400").await;
    assert_eq!(service.calls_of("openai").await, calls);
    service.generate(key, "claude-haiku-4.5", "hello").await.expect(200);

    // Another process reads it from the record.
    let other = Service::start_with(&database, setup("openai")).await;
    other.clock.advance_ms(HOUR_MS);
    is_stopped(&other, &draw, "82800").await;

    service.clock.advance_ms(DAY_MS - 1);
    is_stopped(&service, &draw, "1").await;
    service.clock.advance_ms(1);
    service.post("/generate", key, &draw).await.expect(200);

    // Jobs count as well, once the record is read again.
    let service = Service::start_with(&database, setup("replicate")).await;
    let flux = json!({ "model": "flux-1.1-pro", "prompt": "a boat" });
    for _ in 0..2 {
        let id = service.begin_job(&account, &flux).await;
        assert_eq!(service.pump(key, &id).await["status"], "completed");
    }
    service.clock.advance_ms(HOUR_MS);
    let seconds = (DAY_MS - service.app.clock().now().unix_ms() % DAY_MS) / 1_000;
    is_stopped(&service, &flux, &seconds.to_string()).await;
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}
