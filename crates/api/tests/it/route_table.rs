//! Every route there is: none lets anybody in by mistake, and none reaches a vendor without a hold.

use crate::{media::TONE, openai, refused};
use api::{Access, ROUTES, Route};
use reqwest::Method;
use serde_json::json;
use testkit::{Backend, Reply, Service, TestDatabase, file, send, text};

testkit::on_each_database!(
    what_is_not_public_needs_a_key,
    what_reaches_a_vendor_needs_tokens,
    what_does_not_say_so_reaches_no_vendor,
);

/// A good request to a route, with the key.
pub(crate) async fn call(service: &Service, route: &Route, key: &str) -> Reply {
    call_at(service, route, &filled(route, "1", "2"), key).await
}

/// Its path, with these for what belongs to an account, and names that are nothing's for what nobody can guess.
pub(crate) fn filled(route: &Route, id: &str, delivery_id: &str) -> String {
    let path = route.path.replace("{slug}", "gpt-5-nano").replace("{id}", id);
    let path = path.replace("{name}", "nothing.png").replace("{token}", "nothing");
    let path = path.replace("{delivery_id}", delivery_id);
    assert!(!path.contains('{'), "{route:?}: a parameter that this test cannot fill");
    path
}

/// The same at a path of the route's.
pub(crate) async fn call_at(service: &Service, route: &Route, path: &str, key: &str) -> Reply {
    let under_api = path.strip_prefix("/api/v2").unwrap_or_default();
    match route.path {
        "/api/v2/files" => service.post_form(under_api, key, &[file("file", "tone.wav", TONE)]).await,
        "/api/v2/stt" => service.post_form(under_api, key, &[file("audio", "tone.wav", TONE)]).await,
        "/v1/chat/completions" => openai::post(service, path, key, &openai::question("gpt-5-nano")).await,
        "/v1/images/generations" => {
            openai::post(service, path, key, &json!({ "model": "gpt-image-1.5", "prompt": "A boat." })).await
        }
        "/v1/audio/speech" => {
            openai::post(service, path, key, &json!({ "model": "openai-tts", "input": "Hello." })).await
        }
        "/v1/audio/transcriptions" => {
            let parts = [text("model", "whisper"), file("file", "tone.wav", TONE)];
            service.post_form_to(path, key, &parts).await
        }
        "/api/v2/models/{slug}/calculate-price" => {
            service.post(under_api, key, &json!({ "params": {} })).await
        }
        "/api/v2/webhooks" if route.method == "POST" => {
            service.post(under_api, key, &json!({ "url": "https://example.org/hook" })).await
        }
        "/api/v2/webhooks/{id}" if route.method == "PATCH" => {
            let request =
                service.request(Method::PATCH, path, key).header("content-type", "application/json");
            send(request.body(json!({ "status": "enabled" }).to_string())).await
        }
        "/api/v2/user/me" if route.method == "PATCH" => {
            let request =
                service.request(Method::PATCH, path, key).header("content-type", "application/json");
            send(request.body(json!({ "name": "Ann" }).to_string())).await
        }
        "/api/v2/keys" if route.method == "POST" => {
            service.post(under_api, key, &json!({ "name": "another" })).await
        }
        "/api/v2/webhooks/{id}/rotate" | "/api/v2/webhooks/{id}/deliveries/{delivery_id}/redeliver" => {
            send(service.request(Method::POST, path, key)).await
        }
        _ if route.method == "POST" => {
            service.post(under_api, key, &json!({ "model": "gpt-5-nano", "prompt": "hello" })).await
        }
        _ => {
            let method: Method = route.method.parse().unwrap();
            send(service.request(method, path, key)).await
        }
    }
}

/// Asserts that a route refuses, in the shape of its face. `code` is ours.
fn refused_by(route: &Route, reply: &Reply, status: u16, code: &str) {
    if !route.path.starts_with("/v1/") {
        return drop(refused(reply, status, code));
    }
    let code = if code == "not_authenticated" { "invalid_api_key" } else { code };
    openai::refused(reply, status, code);
}

pub(crate) fn reaching_vendors() -> impl Iterator<Item = &'static Route> {
    assert!(ROUTES.iter().any(|route| route.reaches_vendor));
    ROUTES.iter().filter(|route| route.reaches_vendor)
}

async fn what_is_not_public_needs_a_key(database: TestDatabase) {
    let service = Service::start(&database).await;
    for route in &ROUTES {
        for key in ["", "nb_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            let reply = call(&service, route, key).await;
            match route.access {
                Access::Public => {
                    // Of what has a name that nobody can guess, there is nothing of that name.
                    let is_secret = route.path.contains("{name}") || route.path.contains("{token}");
                    let status = match route.path {
                        // What does not prove where it comes from, and what is not in the service's form.
                        "/api/v2/billing/notifications/telegram" => 401,
                        "/api/v2/billing/notifications/yookassa" => 422,
                        // A body of another kind, or one where there is to be none.
                        _ if route.path.starts_with("/api/v2/auth/") => 422,
                        _ if is_secret => 404,
                        _ => 200,
                    };
                    assert_eq!(reply.status, status, "{route:?}: {reply:?}");
                }
                Access::Key | Access::AnyPlanKey => refused_by(route, &reply, 401, "not_authenticated"),
            }
        }
        assert!(!route.reaches_vendor || route.access == Access::Key, "{route:?}");
    }
    assert_eq!(service.calls().await, 0);
}

async fn what_reaches_a_vendor_needs_tokens(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(0).await;
    for route in reaching_vendors() {
        refused_by(route, &call(&service, route, &account.key).await, 402, "insufficient_tokens");
    }
    assert_eq!(service.calls().await, 0);
    service.app.grant(account.id, 20).await.unwrap();
    for route in reaching_vendors() {
        let calls = service.calls().await;
        assert_eq!(call(&service, route, &account.key).await.status, 200);
        assert_eq!(service.calls().await, calls + 1, "{route:?}");
    }
}

async fn what_does_not_say_so_reaches_no_vendor(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for route in ROUTES.iter().filter(|route| !route.reaches_vendor) {
        if (route.method, route.path) == ("DELETE", "/api/v2/user/me") {
            // The account is still needed.
            let other = service.account("vip", 0).await;
            assert_eq!(call(&service, route, &other.key).await.status, 204);
            continue;
        }
        let reply = call(&service, route, &account.key).await;
        // Orders, notifications and sign-ins want another body; they are tried elsewhere.
        let is_other = route.path.contains("/billing/") || route.path.contains("/auth/");
        assert!([200, 201, 404].contains(&reply.status) || is_other, "{route:?}: {reply:?}");
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}

/// A file cannot be taken away from a process that has it open, so this stands for PostgreSQL alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_no_vendor_is_reached() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    assert_eq!(service.balance(&account.key).await, 1_500);
    database.shut().await;
    for is_known in [true, false] {
        if !is_known {
            // Now the key is no longer remembered either.
            service.clock.advance_ms(5_000);
        }
        for route in reaching_vendors() {
            refused_by(route, &call(&service, route, &account.key).await, 503, "overloaded");
        }
    }
    assert_eq!(service.calls().await, 0);
    database.open().await;
    service.assert_verifies().await;
    assert_eq!(service.balance(&account.key).await, 1_500);
}
