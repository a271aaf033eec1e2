//! Naming endpoints, and looking at them.

use super::{Receiver, delete, listen, shown};
use crate::{refused, wrong_fields};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Service, Setup, TestDatabase, send};

testkit::on_each_database!(
    endpoints_are_made_shown_and_removed,
    endpoints_are_their_accounts_own,
    wrong_endpoints_are_refused,
    deliveries_are_counted_so_far,
    private_addresses_are_refused,
    so_many_endpoints_and_no_more,
    a_limited_key_minds_no_webhooks,
);

const ALL: [&str; 8] = [
    "generation.completed",
    "generation.failed",
    "payment.succeeded",
    "payment.failed",
    "subscription.renewed",
    "subscription.past_due",
    "subscription.ended",
    "balance.low",
];

async fn endpoints_are_made_shown_and_removed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let first = listen(&service, &account, &receiver, &[]).await;
    assert_eq!((&first["url"], &first["events"]), (&json!(receiver.url()), &json!(ALL)));
    let secret = first["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "32 bytes in Base64");
    assert!(first["created_at"].is_string());
    let events = ["payment.failed", "generation.failed", "payment.failed"];
    let second = listen(&service, &account, &receiver, &events).await;
    assert_eq!(second["events"], json!(["generation.failed", "payment.failed"]));
    assert_ne!(second["secret"], first["secret"]);

    let list = service.get("/webhooks", &account.key).await.expect(200);
    assert_eq!(list["total"], 2);
    assert_eq!(list["items"][0], shown(&service, &account, &first["id"]).await);
    assert_eq!(list["items"][1]["id"], second["id"]);
    assert!(!list.to_string().contains("whsec_"), "a secret is shown once");
    let rows =
        database.auditor().await.read("webhook_endpoints", &["id", "url", "events", "last_error"]).await;
    assert!(!rows.concat().concat().contains(secret.trim_start_matches("whsec_")));

    assert_eq!(delete(&service, &account, &first["id"]).await.status, 204);
    refused(&delete(&service, &account, &first["id"]).await, 404, "not_found");
    refused(&service.get(&format!("/webhooks/{}", first["id"]), &account.key).await, 404, "not_found");
    assert_eq!(service.get("/webhooks", &account.key).await.expect(200)["total"], 1);
}

async fn endpoints_are_their_accounts_own(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("vip", 0).await, service.account("vip", 0).await);
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let path = format!("/webhooks/{}", webhook["id"]);
    refused(&service.get(&path, &other.key).await, 404, "not_found");
    refused(&service.get(&format!("{path}/deliveries"), &other.key).await, 404, "not_found");
    refused(&service.post(&format!("{path}/rotate"), &other.key, &json!({})).await, 404, "not_found");
    refused(&delete(&service, &other, &webhook["id"]).await, 404, "not_found");
    refused(&service.get("/webhooks/nothing", &account.key).await, 404, "not_found");
    assert_eq!(service.get("/webhooks", &other.key).await.expect(200)["total"], 0);
}

async fn wrong_endpoints_are_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let good = "https://example.org/hook";
    let cases = [
        (json!({}), vec!["url"]),
        (json!({ "url": "example.org" }), vec!["url"]),
        (json!({ "url": "ftp://example.org" }), vec!["url"]),
        (json!({ "url": "https://me:secret@example.org" }), vec!["url"]),
        (json!({ "url": format!("https://example.org/{}", "a".repeat(2_048)) }), vec!["url"]),
        (json!({ "url": good, "events": [] }), vec!["events"]),
        (json!({ "url": good, "events": ["generation.begun"] }), vec!["events"]),
        (json!({ "url": good, "events": "generation.failed" }), vec!["events"]),
        (json!({ "url": good, "name": "mine" }), vec!["name"]),
        (json!({ "url": "no", "events": [] }), vec!["url", "events"]),
    ];
    for (body, fields) in cases {
        wrong_fields(&service.post("/webhooks", &account.key, &body).await, &fields);
    }
    let unknown = json!({ "url": good, "events": ["payment.lost"] });
    let allowed = wrong_fields(&service.post("/webhooks", &account.key, &unknown).await, &["events"]);
    assert_eq!(allowed, [json!(ALL)]);
    let webhook = service.post("/webhooks", &account.key, &json!({ "url": good })).await.expect(201);
    let page = format!("/webhooks/{}/deliveries?limit=101&page=0", webhook["id"]);
    wrong_fields(&service.get(&page, &account.key).await, &["limit", "page"]);
    let page = format!("/webhooks/{}/deliveries?limit=100&page=101", webhook["id"]);
    let allowed = wrong_fields(&service.get(&page, &account.key).await, &["page"]);
    assert_eq!(allowed, [json!(["1..100"])]);
}

async fn deliveries_are_counted_so_far(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    service.generate(&account.key, "gpt-5-nano", "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let path = format!("/webhooks/{}/deliveries?limit=100&page=100", webhook["id"]);
    for (more, total, capped) in [(9_999, 10_000, Value::Null), (1, 10_000, json!(true))] {
        let sql = format!(
            "INSERT INTO webhook_deliveries
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {more})
            SELECT account_id, id + {more} * 100000 + n, endpoint_id, event_id + {more} * 100000 + n, url, host, lane, status,
                attempts, 0, NULL, give_up_at_ms, 0, 0, NULL, NULL, NULL, created_at_ms
            FROM numbers CROSS JOIN (SELECT * FROM webhook_deliveries ORDER BY id LIMIT 1) AS first"
        );
        database.execute(&sql).await.unwrap();
        let page = service.get(&path, &account.key).await.expect(200);
        assert_eq!((&page["total"], &page["total_capped"]), (&json!(total), &capped));
        assert_eq!((page["items"].as_array().unwrap().len(), &page["pages"]), (100, &json!(100)));
    }
}

async fn private_addresses_are_refused(database: TestDatabase) {
    let setup = Setup { allow_private_webhooks: false, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    for url in [
        "http://127.0.0.1/hook",
        "https://127.0.0.1/hook",
        "https://2130706433/hook",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://printer.local/",
        "https://database/",
    ] {
        wrong_fields(&service.post("/webhooks", &account.key, &json!({ "url": url })).await, &["url"]);
        let generate = json!({ "model": "gpt-5-nano", "prompt": "Hello.", "webhook_url": url });
        wrong_fields(&service.post("/generate", &account.key, &generate).await, &["webhook_url"]);
    }
    for scheme in ["http", "https"] {
        let good = json!({ "url": format!("{scheme}://example.org/"), "events": ["balance.low"] });
        service.post("/webhooks", &account.key, &good).await.expect(201);
    }

    // One that was named when it was allowed is not sent to any more.
    let receiver = Receiver::start().await;
    let lax = service.another(&database).await;
    listen(&lax, &account, &receiver, &[]).await;
    service.generate(&account.key, "gpt-5-nano", "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    assert_eq!(receiver.messages().await.len(), 0);
}

async fn so_many_endpoints_and_no_more(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url() });
    // Twelve at once: ten are made, however they fall.
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let request = service.request(Method::POST, "/api/v2/webhooks", &account.key);
        asked.spawn(send(request.header("content-type", "application/json").body(body.to_string())));
    }
    let mut made = 0;
    for reply in asked.join_all().await {
        if reply.status == 201 {
            made += 1;
        } else {
            wrong_fields(&reply, &["url"]);
        }
    }
    assert_eq!(
        (made, service.get("/webhooks", &account.key).await.expect(200)["total"].as_i64()),
        (10, Some(10))
    );
}

async fn a_limited_key_minds_no_webhooks(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let limited = json!({ "name": "limited", "monthly_budget": 10 });
    let key = service.post("/keys", &account.key, &limited).await.expect(201)["key"].clone();
    let key = key.as_str().unwrap();
    let path = format!("/webhooks/{}", webhook["id"]);
    for reply in [
        service.post("/webhooks", key, &json!({ "url": receiver.url() })).await,
        service.post(&format!("{path}/rotate"), key, &json!({})).await,
        service.get("/webhooks/secret", key).await,
    ] {
        refused(&reply, 403, "limited_key");
    }
    assert_eq!(service.get(&path, key).await.status, 200);
}
