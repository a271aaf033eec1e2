//! Pictures in OpenAI's shape.

use super::{post, recorded, refused, with, wrong_field};
use crate::media::patient;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use testkit::{Reply, Service, Setup, TestDatabase};

testkit::on_each_database!(
    pictures_come_by_address_and_in_base64,
    what_takes_too_long_is_canceled,
    what_is_not_supported_is_refused_by_name,
);

async fn draw(service: &Service, key: &str, body: &Value) -> Reply {
    post(service, "/v1/images/generations", key, body).await
}

fn boat(model: &str) -> Value {
    json!({ "model": model, "prompt": "A red boat." })
}

async fn pictures_come_by_address_and_in_base64(database: TestDatabase) {
    let service = &Service::start_with(&database, patient()).await;
    for (model, price) in [("photon-1", 3), ("gpt-image-1.5", 4), ("dall-e-3", 5)] {
        for (more, is_base64, magic) in [
            (json!({}), model == "gpt-image-1.5", b"\x89PNG".as_slice()),
            (json!({ "response_format": "url", "n": 1, "user": "ann" }), false, b"\x89PNG"),
            (json!({ "response_format": "b64_json", "output_format": "jpeg" }), true, b"\xff\xd8\xff"),
        ] {
            let account = service.account_with(price).await;
            let reply = service.pumping(draw(service, &account.key, &with(boat(model), &more))).await;
            let list = reply.expect(200);
            assert!(list["created"].as_i64().unwrap() > 1_700_000_000, "{list:#}");
            let [picture] = list["data"].as_array().unwrap().as_slice() else { panic!("{list:#}") };
            assert_eq!(picture.as_object().unwrap().len(), 1, "{list:#}");
            let bytes = match is_base64 {
                true => BASE64_STANDARD.decode(picture["b64_json"].as_str().unwrap()).unwrap(),
                false => service.fetch(picture["url"].as_str().unwrap()).await.bytes,
            };
            assert!(bytes.starts_with(magic), "{model} {more}");
            let record = recorded(service, &account.key, &reply).await;
            assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(price)));
            assert_eq!(service.balance(&account.key).await, 0);
            refused(&draw(service, &account.key, &boat(model)).await, 402, "insufficient_tokens");
        }
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn what_takes_too_long_is_canceled(database: TestDatabase) {
    let service = &Service::start_with(&database, Setup { file_wait_ms: 400, ..patient() }).await;
    for (model, words) in [("photon-1", "[[fault:job-stuck]]"), ("gpt-image-1.5", "[[fault:hang]]")] {
        let account = service.account_with(10).await;
        let body = with(boat(model), &json!({ "prompt": words }));
        let reply = draw(service, &account.key, &body).await;
        let error = refused(&reply, 504, "timeout");
        assert_eq!(error["type"], "server_error");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        let record = recorded(service, &account.key, &reply).await;
        assert_eq!((&record["status"], &record["error_code"]), (&json!("failed"), &json!("timeout")));
        assert_eq!((service.balance(&account.key).await, &record["tokens_spent"]), (10, &json!(0)));
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn what_is_not_supported_is_refused_by_name(database: TestDatabase) {
    let service = &Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    for (model, more, field) in [
        ("photon-1", json!({ "n": 2 }), "n"),
        ("photon-1", json!({ "size": "1024x1024" }), "size"),
        ("photon-1", json!({ "background": "transparent" }), "background"),
        ("photon-1", json!({ "response_format": "webp" }), "response_format"),
        ("photon-1", json!({ "output_format": "gif" }), "output_format"),
        ("photon-1", json!({ "prompt": null }), "prompt"),
        ("photon-1", json!({ "model": null }), "model"),
        ("dall-e-3", json!({ "quality": "best" }), "quality"),
        ("gpt-5", json!({}), "model"),
        ("musicgen", json!({}), "model"),
        ("flux-kontext-pro", json!({}), "image_url"),
    ] {
        wrong_field(&draw(service, &account.key, &with(boat(model), &more)).await, field);
    }
    refused(&draw(service, &account.key, &boat("dall-e-9")).await, 404, "model_not_found");
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
    let refusal = with(boat("gpt-image-1.5"), &json!({ "prompt": "[[fault:refuse]]" }));
    refused(&draw(service, &account.key, &refusal).await, 400, "content_policy_violation");
    let failing = with(boat("photon-1"), &json!({ "prompt": "[[fault:job-failed]]" }));
    let failed = service.pumping(draw(service, &account.key, &failing)).await;
    refused(&failed, 500, "provider_error");
    assert_eq!(recorded(service, &account.key, &failed).await["status"], "failed");
    assert_eq!(service.balance(&account.key).await, 1_500);
}
