//! Every route there is: none lets anybody in by mistake, and none reaches a vendor without a hold.

use crate::{media::TONE, refused};
use api::{Access, ROUTES, Route};
use reqwest::Method;
use serde_json::json;
use testkit::{Backend, Reply, Service, TestDatabase, file, send};

testkit::on_each_database!(
    what_is_not_public_needs_a_key,
    what_reaches_a_vendor_needs_tokens,
    what_does_not_say_so_reaches_no_vendor,
);

/// A good request to a route, with the key.
async fn call(service: &Service, route: &Route, key: &str) -> Reply {
    let path = route.path.replace("{slug}", "gpt-5-nano").replace("{id}", "1");
    let path = path.replace("{name}", "nothing.png").replace("{token}", "nothing");
    assert!(!path.contains('{'), "{route:?}: a parameter that this test cannot fill");
    let under_api = path.strip_prefix("/api/v2").unwrap_or_default();
    match route.path {
        "/api/v2/files" => service.post_form(under_api, key, &[file("file", "tone.wav", TONE)]).await,
        "/api/v2/stt" => service.post_form(under_api, key, &[file("audio", "tone.wav", TONE)]).await,
        "/api/v2/models/{slug}/calculate-price" => {
            service.post(under_api, key, &json!({ "params": {} })).await
        }
        _ if route.method == "POST" => {
            service.post(under_api, key, &json!({ "model": "gpt-5-nano", "prompt": "hello" })).await
        }
        _ => {
            let method: Method = route.method.parse().unwrap();
            send(service.request(method, &path, key)).await
        }
    }
}

fn reaching_vendors() -> impl Iterator<Item = &'static Route> {
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
                    assert_eq!(reply.status, if is_secret { 404 } else { 200 }, "{route:?}: {reply:?}");
                }
                Access::Key | Access::AnyPlanKey => drop(refused(&reply, 401, "not_authenticated")),
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
        refused(&call(&service, route, &account.key).await, 402, "insufficient_tokens");
    }
    assert_eq!(service.calls().await, 0);
    service.app.grant(account.id, 10).await.unwrap();
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
        let reply = call(&service, route, &account.key).await;
        assert!([200, 201, 404].contains(&reply.status), "{route:?}: {reply:?}");
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
            refused(&call(&service, route, &account.key).await, 503, "overloaded");
        }
    }
    assert_eq!(service.calls().await, 0);
    database.open().await;
    service.assert_verifies().await;
    assert_eq!(service.balance(&account.key).await, 1_500);
}
