//! Every route there is: none lets anybody in by mistake, and none reaches a vendor without a hold.

use crate::refused;
use api::{Access, ROUTES, Route};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testkit::{Backend, Reply, Service, TestDatabase, send};

testkit::on_each_database!(
    what_is_not_public_needs_a_key,
    what_reaches_a_vendor_needs_tokens,
    what_does_not_say_so_reaches_no_vendor,
);

/// A good request to a route.
fn request(service: &Service, route: &Route, key: &str) -> RequestBuilder {
    let path = route.path.replace("{slug}", "gpt-5-nano").replace("{id}", "1");
    assert!(!path.contains('{'), "{route:?}: a parameter that this test cannot fill");
    let method: Method = route.method.parse().unwrap();
    let request = service.request(method, &path, key);
    let body = match route.path {
        _ if route.method == "GET" => return request,
        "/api/v2/models/{slug}/calculate-price" => json!({ "params": {} }),
        _ => json!({ "model": "gpt-5-nano", "prompt": "hello" }),
    };
    request.header("content-type", "application/json").body(body.to_string())
}

async fn call(service: &Service, route: &Route, key: &str) -> Reply {
    send(request(service, route, key)).await
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
                Access::Public => assert_eq!(reply.status, 200, "{route:?}: {reply:?}"),
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
        assert!(reply.status == 200 || reply.status == 404, "{route:?}: {reply:?}");
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
