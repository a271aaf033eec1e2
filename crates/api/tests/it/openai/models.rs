//! What this face serves.

use super::refused;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Service, Setup, TestDatabase, send};

testkit::on_each_database!(models_are_those_that_a_route_serves);

async fn ids(service: &Service, key: &str) -> BTreeSet<String> {
    let list = send(service.request(Method::GET, "/v1/models", key)).await.expect(200);
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_i64() && model["owned_by"].is_string(), "{model}");
    }
    models.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

async fn models_are_those_that_a_route_serves(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let served = ids(&service, &account.key).await;
    let shown = service.get("/models", "").await.expect(200);
    for model in shown["items"].as_array().unwrap() {
        let slug = model["slug"].as_str().unwrap();
        let expected = match model["category"].as_str().unwrap() {
            "text" | "tts" | "stt" => true,
            // A picture to work on is nothing that a route of this face can be given.
            "image" => slug != "flux-kontext-pro",
            _ => false,
        };
        assert_eq!(served.contains(slug), expected, "{slug}");
        let one = send(service.request(Method::GET, &format!("/v1/models/{slug}"), &account.key)).await;
        match expected {
            true => assert_eq!(one.expect(200)["id"], slug),
            false => assert_eq!(refused(&one, 404, "model_not_found")["param"], "model"),
        }
    }
    let one = send(service.request(Method::GET, "/v1/models/gpt-5.2-pro", &account.key)).await.expect(200);
    let expected: Value =
        json!({ "id": "gpt-5.2-pro", "object": "model", "created": one["created"], "owned_by": "openai" });
    assert_eq!(one, expected);
}

#[tokio::test]
async fn what_is_retired_is_not_listed() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start_with(&database, Setup { is_sandbox: false, ..Setup::default() }).await;
    let account = service.account("vip", 0).await;
    let served = ids(&service, &account.key).await;
    assert!(!served.contains("dall-e-3") && served.contains("gpt-5.2"), "{served:?}");
}
