//! What is wrong with a request is told field by field, all of it at once, and nothing of it is ignored.

use crate::{refused, wrong_fields};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Backend, Reply, Service, TestDatabase, file, send, text};

async fn service() -> (Service, Account, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    (service, account, database)
}

async fn patch(service: &Service, key: &str, body: &Value) -> Reply {
    let request = service.request(Method::PATCH, "/api/v2/user/me", key);
    send(request.header("content-type", "application/json").body(body.to_string())).await
}

#[tokio::test]
async fn an_unknown_field_hides_no_other() {
    let (service, account, _database) = service().await;
    let body = json!({ "email": "no", "password": "short", "nick": "ann" });
    let reply = service.post("/auth/register", "", &body).await;
    wrong_fields(&reply, &["nick", "name", "email", "password"]);
    let body = json!({ "name": "", "avatar_url": "no", "email": "ann@example.org" });
    let reply = patch(&service, &account.key, &body).await;
    wrong_fields(&reply, &["email", "name", "avatar_url"]);
    wrong_fields(
        &service.post("/generate", &account.key, &json!({ "model": "", "prompt": "x" })).await,
        &["model"],
    );
}

#[tokio::test]
async fn what_takes_no_query_says_so() {
    let (service, account, _database) = service().await;
    for path in [
        "/user/me",
        "/balance",
        "/user/balance",
        "/user/stats",
        "/keys",
        "/webhooks",
        "/webhooks/secret",
        "/plans",
        "/packages",
        "/models/gpt-5",
    ] {
        wrong_fields(&service.get(&format!("{path}?verbose=1"), &account.key).await, &["verbose"]);
        assert_eq!(service.get(path, &account.key).await.status, 200, "{path}");
    }
    let models = service.get("/models?category=&provider=", "").await.expect(200);
    assert_eq!(models["total"], 50);
    wrong_fields(&service.get("/models?category=poems&sort=price", "").await, &["category", "sort"]);
    // Files are named by others, who may add what they like.
    refused(&service.get("/files/nothing.png?v=1", "").await, 404, "not_found");
}

#[tokio::test]
async fn what_takes_no_body_says_so() {
    let (service, account, _database) = service().await;
    let body = json!({ "refresh_token": "x" });
    wrong_fields(&service.post("/auth/refresh", "", &body).await, &["refresh_token"]);
    wrong_fields(&service.post("/auth/logout", "", &body).await, &["refresh_token"]);
    wrong_fields(
        &service.post("/billing/subscription/resume", &account.key, &body).await,
        &["refresh_token"],
    );
    let request = service.request(Method::POST, "/api/v2/auth/refresh", "").body("not JSON");
    refused(&send(request).await, 400, "bad_request");
    let request =
        service.request(Method::POST, "/api/v2/billing/notifications/yookassa", "").body("not JSON");
    refused(&send(request).await, 400, "bad_request");
    wrong_fields(&service.post("/billing/notifications/yookassa", "", &json!({})).await, &["body"]);
}

#[tokio::test]
async fn a_webhook_url_is_known_wherever_something_is_made() {
    let (service, account, _database) = service().await;
    let price = async |params: Value| {
        service.post("/models/gpt-5/calculate-price", "", &json!({ "params": params })).await
    };
    let plain = price(json!({})).await.expect(200);
    let more = json!({ "webhook_url": "https://example.org/hook", "stream": true });
    assert_eq!(price(more).await.expect(200), plain);
    wrong_fields(&price(json!({ "webhook_url": 7 })).await, &["webhook_url"]);
    let audio = file("audio", "a.wav", crate::media::TONE);
    let good = [text("webhook_url", "https://example.org/hook"), audio.clone()];
    service.post_form("/stt", &account.key, &good).await.expect(200);
    let bad = [text("webhook_url", "no"), audio];
    wrong_fields(&service.post_form("/stt", &account.key, &bad).await, &["webhook_url"]);
    let both = [text("webhook_url", "no"), file("audio", "a.wav", b"no sound")];
    wrong_fields(&service.post_form("/stt", &account.key, &both).await, &["audio", "webhook_url"]);
}

#[tokio::test]
async fn what_shows_a_secret_is_kept_by_nobody() {
    let (service, account, _database) = service().await;
    let hook = service.post("/webhooks", &account.key, &json!({ "url": "https://example.org/hook" })).await;
    let rotate = format!("/webhooks/{}/rotate", hook.expect(201)["id"]);
    for reply in [
        hook,
        service.post("/keys", &account.key, &json!({ "name": "a" })).await,
        service.post(&rotate, &account.key, &json!({})).await,
        service.get("/webhooks/secret", &account.key).await,
    ] {
        assert!(reply.status < 300, "{reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    }
}
