//! A generation that goes well: charged what was quoted, once, and on record as it was answered.

use crate::{catalog::texts, refused, wrong_fields};
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    every_text_model_answers,
    every_text_model_streams,
    conversations_are_understood,
    the_ceiling_on_output_is_kept,
    parameters_stand_at_the_top_or_under_params,
    what_is_wrong_is_refused_before_it_costs,
);

/// A PNG of one pixel.
const PNG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn quoted(service: &Service, model: &str) -> i64 {
    let quote = service.post(&format!("/models/{model}/calculate-price"), "", &json!({})).await.expect(200);
    quote["token_cost"].as_i64().unwrap()
}

async fn every_text_model_answers(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let mut left = 1_500;
    for model in texts() {
        let price = quoted(&service, model).await;
        let answer = service.generate(&account.key, model, "Why is the sea salt?").await.expect(200);
        left -= price;
        check_answer(&answer, model, price, left);
        assert_eq!(service.balance(&account.key).await, left, "{model}");
        let path = format!("/generate/{}", answer["id"]);
        assert_eq!(service.get(&path, &account.key).await.expect(200), answer, "{model}");
    }
    let report = service.assert_verifies().await;
    assert_eq!((report.generations, report.open_holds), (12, 0));
}

fn check_answer(answer: &Value, model: &str, price: i64, left: i64) {
    for (field, expected) in [
        ("status", json!("completed")),
        ("model_slug", json!(model)),
        ("result_url", Value::Null),
        ("thumbnail_url", Value::Null),
        ("error", Value::Null),
        ("error_code", Value::Null),
        ("tokens_spent", json!(price)),
        ("processing_ms", json!(0)),
        ("balance_remaining", json!(left)),
        ("created_at", json!("2026-11-22T00:00:00Z")),
        ("completed_at", json!("2026-11-22T00:00:00Z")),
    ] {
        assert_eq!(answer[field], expected, "{field} of {answer:#}");
    }
    assert!((1..1 << 53).contains(&answer["id"].as_i64().unwrap()), "{answer:#}");
    assert!(answer["result_text"].as_str().unwrap().contains("Why is the sea salt?"), "{answer:#}");
    let metadata = &answer["result_metadata"];
    for count in ["input_tokens", "output_tokens"] {
        assert!(metadata["usage"][count].as_i64().unwrap() > 0, "{answer:#}");
    }
    assert!(metadata["upstream_model"].as_str().is_some_and(|name| !name.is_empty()), "{answer:#}");
}

async fn every_text_model_streams(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let mut left = 1_500;
    for model in texts() {
        let price = quoted(&service, model).await;
        let body = json!({ "model": model, "prompt": "Why is the sea salt?", "stream": true });
        let events = service.post("/generate", &account.key, &body).await.events();
        left -= price;
        let [start, deltas @ .., end, done] = events.as_slice() else { panic!("{events:?}") };
        let id = &start["id"];
        assert_eq!(*start, json!({ "type": "generation_start", "id": id, "model": model }));
        let expected = json!({
            "type": "generation_end", "id": id, "tokens_spent": price, "balance_remaining": left,
        });
        assert_eq!((end, done), (&expected, &json!("[DONE]")));
        assert!(!deltas.is_empty() && deltas.iter().all(|delta| delta["type"] == "content_delta"), "{model}");
        let text: String = deltas.iter().map(|delta| delta["delta"].as_str().unwrap()).collect();
        let record = service.get(&format!("/generate/{id}"), &account.key).await.expect(200);
        check_answer(&record, model, price, left);
        assert_eq!(record["result_text"], text, "{model}");
    }
    service.assert_verifies().await;
}

async fn conversations_are_understood(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for model in texts() {
        let body = json!({
            "model": model,
            "system": "Answer like a sailor.",
            "messages": [
                { "role": "system", "content": "Keep it short." },
                { "role": "user", "content": "Where are we?" },
                { "role": "assistant", "content": [{ "type": "text", "text": "At sea." }] },
                { "role": "user", "content": [{ "type": "text", "text": "And whither bound?" }] },
            ],
        });
        let answer = service.post("/generate", &account.key, &body).await.expect(200);
        assert!(answer["result_text"].as_str().unwrap().contains("And whither bound?"), "{answer:#}");
    }
    let picture = |model: &str, url: &str| {
        let content = json!([{ "type": "text", "text": "What is this?" }, { "type": "image_url", "image_url": { "url": url } }]);
        json!({ "model": model, "messages": [{ "role": "user", "content": content }] })
    };
    for model in ["gpt-5", "gpt-5.2-pro", "claude-haiku-4.5", "gemini-2.5-flash", "grok-4-fast"] {
        let answer = service.post("/generate", &account.key, &picture(model, PNG)).await.expect(200);
        assert!(answer["result_text"].as_str().unwrap().contains("What is this?"), "{answer:#}");
    }
    let reply = service.post("/generate", &account.key, &picture("deepseek-v3", PNG)).await;
    refused(&reply, 422, "validation_error");
    let web = "https://example.org/cat.png";
    service.post("/generate", &account.key, &picture("gpt-5", web)).await.expect(200);
    refused(
        &service.post("/generate", &account.key, &picture("gemini-2.5-flash", web)).await,
        422,
        "validation_error",
    );
    service.assert_verifies().await;
}

async fn the_ceiling_on_output_is_kept(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for model in texts() {
        let body = json!({ "model": model, "prompt": "Tell me a long story.", "max_tokens": 16 });
        let answer = service.post("/generate", &account.key, &body).await.expect(200);
        // The sandbox counts words in place of tokens.
        let words = answer["result_text"].as_str().unwrap().split_whitespace().count();
        assert!(words <= 16, "{answer:#}");
        let used = answer["result_metadata"]["usage"]["output_tokens"].as_i64().unwrap();
        assert!(used <= 16, "{answer:#}");
        assert_eq!(answer["result_metadata"]["finish_reason"], "length", "{answer:#}");

        let shown = service.get(&format!("/models/{model}"), "").await.expect(200);
        let ceiling = shown["config"]["max_output_tokens"].as_i64().unwrap();
        let body = json!({ "model": model, "prompt": "Tell me.", "max_tokens": ceiling + 1 });
        wrong_fields(&service.post("/generate", &account.key, &body).await, &["max_tokens"]);
        let body = json!({ "model": model, "prompt": "Tell me.", "max_tokens": ceiling });
        service.post("/generate", &account.key, &body).await.expect(200);
    }
}

async fn parameters_stand_at_the_top_or_under_params(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let mut texts = Vec::new();
    for body in [
        json!({ "model": "deepseek-v3", "prompt": "One.", "max_tokens": 9, "temperature": 0.7 }),
        json!({ "model": "deepseek-v3", "params": { "prompt": "One.", "max_tokens": 9, "temperature": 0.7 } }),
        json!({ "model": "deepseek-v3", "prompt": "One.", "params": { "max_tokens": 9, "temperature": 0.7 } }),
        json!({ "model": "deepseek-v3", "prompt": "One.", "max_tokens": 9, "params": { "max_tokens": 9 } }),
        json!({ "model": "deepseek-v3", "prompt": "One.", "max_tokens": 9, "stream": null, "params": null }),
    ] {
        let answer = service.post("/generate", &account.key, &body).await.expect(200);
        texts.push(answer["result_text"].clone());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    let body = json!({ "model": "deepseek-v3", "prompt": "One.", "params": { "prompt": "Two." } });
    wrong_fields(&service.post("/generate", &account.key, &body).await, &["prompt"]);
    assert_eq!(service.balance(&account.key).await, 1_500 - 5);
}

async fn what_is_wrong_is_refused_before_it_costs(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let user = json!([{ "role": "user", "content": "hi" }]);
    for body in [
        json!({ "prompt": "hi" }),
        json!({ "model": 5, "prompt": "hi" }),
        json!({ "model": "gpt-5" }),
        json!({ "model": "gpt-5", "prompt": "" }),
        json!({ "model": "gpt-5", "prompt": " \n" }),
        json!({ "model": "gpt-5", "prompt": 7 }),
        json!({ "model": "gpt-5", "prompt": "hi", "messages": user }),
        json!({ "model": "gpt-5", "messages": [] }),
        json!({ "model": "gpt-5", "messages": [{ "role": "robot", "content": "hi" }] }),
        json!({ "model": "gpt-5", "messages": [{ "role": "system", "content": "hi" }] }),
        json!({ "model": "gpt-5", "prompt": "x".repeat(6_001) }),
        json!({ "model": "gpt-5", "prompt": "hi", "temperature": 2.5 }),
        json!({ "model": "gpt-5", "prompt": "hi", "temperture": 1 }),
        json!({ "model": "gpt-5", "prompt": "hi", "stream": "yes" }),
        json!({ "model": "gpt-5", "prompt": "hi", "params": "none" }),
        json!({ "model": "claude-haiku-4.5", "prompt": "hi", "temperature": 0.5, "top_p": 0.5 }),
        json!({ "model": "whisper" }),
    ] {
        let reply = service.post("/generate", &account.key, &body).await;
        let details = refused(&reply, 422, "validation_error");
        assert!(!details["fields"].as_array().unwrap().is_empty(), "{body}: {reply:?}");
    }
    refused(&service.generate(&account.key, "gpt-6", "hi").await, 404, "not_found");
    assert_eq!(service.balance(&account.key).await, 1_500);
    assert_eq!(service.calls().await, 0);
    assert_eq!(service.assert_verifies().await.generations, 0);
}
