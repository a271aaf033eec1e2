//! What belongs to an account is shown to nobody else, and nobody else changes it.

use super::is_no_failure;
use crate::route_table::{call_at, filled};
use api::{Access, ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Account, Service, TestDatabase, send};
use wiremock::MockServer;

testkit::on_each_database!(nobody_sees_or_touches_what_is_anothers);

/// Words that stand in all that Ann has.
const MARK: &str = "anns-own-words";

/// One of everything that an account can have, and its ids.
struct Belongings {
    account: Account,
    generation: String,
    pending: String,
    key: String,
    webhook: String,
    delivery: String,
    payment: String,
}

impl Belongings {
    async fn of(service: &Service, account: Account) -> Self {
        let receiver = MockServer::start().await;
        let url = format!("{}/{MARK}", receiver.uri());
        let id = |value: &Value| value["id"].to_string();
        let webhook = service.post("/webhooks", &account.key, &json!({ "url": url })).await.expect(201);
        let made = service.generate(&account.key, "gpt-5-nano", MARK).await.expect(200);
        // It stays pending: nobody asks its vendor after it.
        let body = json!({ "model": "photon-1", "prompt": MARK });
        let pending = service.prefer(&account.key, "respond-async", &body).await.expect(202);
        let key = service.post("/keys", &account.key, &json!({ "name": MARK })).await.expect(201);
        let order = service.order_package(&account, "light", "yookassa").await.expect(201);
        service.order_plan(&account, "elite", "yookassa").await;
        service.deliver().await;
        let change = service.request(Method::PATCH, "/api/v2/user/me", &account.key);
        let change =
            change.header("content-type", "application/json").body(json!({ "name": MARK }).to_string());
        send(change).await.expect(200);
        let deliveries = format!("/webhooks/{}/deliveries", webhook["id"]);
        let deliveries = service.get(&deliveries, &account.key).await.expect(200);
        Self {
            generation: id(&made),
            pending: id(&pending),
            key: id(&key),
            webhook: id(&webhook),
            delivery: id(&deliveries["items"][0]),
            payment: order["payment_id"].to_string(),
            account,
        }
    }

    /// The ids that stand for the parameters of a route's path.
    fn ids(&self, route: &Route) -> (&str, &str) {
        let id = match route.path {
            path if !path.contains("{id}") => "1",
            "/api/v2/generate/{id}" if route.method == "DELETE" => &self.pending,
            "/api/v2/generate/{id}" => &self.generation,
            "/api/v2/keys/{id}" => &self.key,
            path if path.starts_with("/api/v2/webhooks/{id}") => &self.webhook,
            path => panic!("{path}: whose id is it? This test has to make one, and to say so"),
        };
        (id, &self.delivery)
    }

    fn path(&self, route: &Route) -> String {
        let (id, delivery) = self.ids(route);
        filled(route, id, delivery)
    }

    fn all_ids(&self) -> BTreeSet<String> {
        let Self { account, generation, pending, key, webhook, delivery, payment } = self;
        let own = [generation, pending, key, webhook, delivery, payment].map(Clone::clone);
        own.into_iter().chain([account.id.to_string(), account.key_id.0.to_string()]).collect()
    }

    /// All that its owner can read.
    async fn seen(&self, service: &Service) -> Vec<(String, Value)> {
        let mut seen = Vec::new();
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.access != Access::Public) {
            let path = self.path(route);
            let reply = call_at(service, route, &path, &self.account.key).await;
            assert!(reply.status == 200 || path == "/api/v2/billing/subscription", "{path}: {reply:?}");
            seen.push((path, reply.json()));
        }
        seen
    }
}

/// Every number and text under a name that ends in `id`.
fn ids_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "id" || name.ends_with("_id") {
                    found.insert(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                }
                ids_in(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| ids_in(item, found)),
        _ => {}
    }
}

async fn nobody_sees_or_touches_what_is_anothers(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = service.account("vip", 0).await;
    let ann = Belongings::of(&service, ann).await;
    let before = ann.seen(&service).await;
    let email =
        before.iter().find_map(|(path, seen)| (path == "/api/v2/user/me").then(|| seen["email"].clone()));
    let email = email.unwrap().as_str().unwrap().to_owned();
    assert!(before.iter().filter(|(_, seen)| seen.to_string().contains(MARK)).count() >= 5);

    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        // Each time somebody else, with things of their own: what a route does to them is not the question here.
        let bob = service.account("vip", 0).await;
        let reply = call_at(&service, route, &ann.path(route), &bob.key).await;
        if route.path.contains("{id}") {
            assert_eq!(reply.status, 404, "{route:?}: {reply:?}");
        }
        is_no_failure(route, "somebody else's", &reply);
        let prefix = &ann.account.key[..10];
        for mark in [MARK, email.as_str(), prefix] {
            assert!(!reply.body.contains(mark), "{route:?} shows {mark}: {reply:?}");
        }
        let mut ids = BTreeSet::new();
        if let Ok(body) = serde_json::from_str(&reply.body) {
            ids_in(&body, &mut ids);
        }
        let shown: Vec<String> = ids.intersection(&ann.all_ids()).cloned().collect();
        assert!(shown.is_empty(), "{route:?} shows {shown:?}: {reply:?}");
    }
    assert_eq!(ann.seen(&service).await, before, "somebody else has changed it");
    // The ids are right: their owner reaches each of these.
    for route in ROUTES.iter().filter(|route| route.path.contains("{id}") && route.method != "GET") {
        let path = ann.path(route);
        if !(route.method == "DELETE" && route.path == "/api/v2/webhooks/{id}") {
            let reply = call_at(&service, route, &path, &ann.account.key).await;
            assert!(reply.status < 300 || reply.status == 409, "{route:?}: {reply:?}");
        }
    }
    service.assert_verifies().await;
}
