//! Keys over HTTP: made, listed, revoked; with a budget, and with an end.

use crate::{refused, wrong_fields};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase, send};

testkit::on_each_database!(
    a_key_is_made_listed_and_revoked,
    a_budget_is_told_and_kept_to_the_token,
    a_failed_generation_costs_no_budget,
    a_budget_is_of_a_calendar_month,
    a_key_ends,
    a_key_was_last_used,
    a_limited_key_minds_no_subscription,
);

async fn revoke(service: &Service, key: &str, id: &Value) -> Reply {
    send(service.request(Method::DELETE, &format!("/api/v2/keys/{id}"), key)).await
}

async fn keys(service: &Service, key: &str) -> Vec<Value> {
    let list = service.get("/keys", key).await.expect(200);
    assert_eq!(list["total"], list["items"].as_array().unwrap().len());
    list["items"].as_array().unwrap().clone()
}

/// A key with a budget.
async fn budgeted(service: &Service, account: &Account, monthly_budget: i64) -> String {
    let body = json!({ "name": "budgeted", "monthly_budget": monthly_budget });
    let made = service.post("/keys", &account.key, &body).await.expect(201);
    made["key"].as_str().unwrap().to_owned()
}

async fn a_key_is_made_listed_and_revoked(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("vip", 0).await, service.account("vip", 0).await);
    let body = json!({ "name": "Büro 1", "monthly_budget": 300, "expires_at": "2026-12-24T18:00:00+03:00" });
    let made = service.post("/keys", &account.key, &body).await.expect(201);
    let mut names: Vec<&String> = made.as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["created_at", "id", "key", "name"]);
    let key = made["key"].as_str().unwrap();
    assert!(key.len() == 48 && key.starts_with("nb_"), "{key}");
    assert_eq!((&made["name"], &made["created_at"]), (&json!("Büro 1"), &json!("2026-11-22T00:00:00Z")));
    let listed = keys(&service, &account.key).await;
    assert_eq!(listed[0]["name"], "default");
    let expected = json!({
        "id": made["id"],
        "name": "Büro 1",
        "prefix": key.get(..10),
        "monthly_budget": 300,
        "expires_at": "2026-12-24T15:00:00Z",
        "created_at": "2026-11-22T00:00:00Z",
        "last_used_at": null,
    });
    assert_eq!(listed[1..], [expected]);
    service.generate(key, "gpt-5-nano", "hello").await.expect(200);
    // Of somebody else's keys nothing is seen, and none is revoked.
    assert_eq!(keys(&service, &other.key).await.len(), 1);
    refused(&revoke(&service, &other.key, &made["id"]).await, 404, "not_found");
    for nothing in [json!(1), json!("x"), json!("-1")] {
        let path = format!("/api/v2/keys/{}", nothing.as_str().map_or(nothing.to_string(), str::to_owned));
        refused(&send(service.request(Method::DELETE, &path, &account.key)).await, 404, "not_found");
    }
    // A key with limits could make itself one without.
    for body in [json!({ "name": "free" }), json!({ "name": "free", "monthly_budget": 300 })] {
        refused(&service.post("/keys", key, &body).await, 403, "limited_key");
    }
    refused(&revoke(&service, key, &listed[0]["id"]).await, 403, "limited_key");
    let reply = revoke(&service, &account.key, &made["id"]).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    refused(&service.generate(key, "gpt-5-nano", "hello").await, 401, "not_authenticated");
    refused(&revoke(&service, &account.key, &made["id"]).await, 404, "not_found");
    assert_eq!(keys(&service, &account.key).await, listed[..1]);
    // The last one can go as well, and any key can go by itself.
    assert_eq!(revoke(&service, &account.key, &listed[0]["id"]).await.status, 204);
    refused(&service.get("/keys", &account.key).await, 401, "not_authenticated");
    let limited = service.post("/keys", &other.key, &json!({ "name": "l", "monthly_budget": 1 })).await;
    let limited = limited.expect(201);
    assert_eq!(revoke(&service, limited["key"].as_str().unwrap(), &limited["id"]).await.status, 204);
}

#[tokio::test]
async fn what_a_key_may_not_be_is_told_field_by_field() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (body, fields) in [
        (json!({}), vec!["name"]),
        (json!({ "name": "" }), vec!["name"]),
        (
            json!({ "name": 7, "monthly_budget": "7", "expires_at": 7 }),
            vec!["name", "monthly_budget", "expires_at"],
        ),
        (json!({ "name": "x".repeat(101), "monthly_budget": 0 }), vec!["name", "monthly_budget"]),
        (json!({ "name": "a\nb", "monthly_budget": -1 }), vec!["name", "monthly_budget"]),
        (json!({ "name": "a", "monthly_budget": 1.5 }), vec!["monthly_budget"]),
        (json!({ "name": "a", "monthly_budget": 1_000_000_000_001_i64 }), vec!["monthly_budget"]),
        (json!({ "name": "a", "monthly_budget": u64::MAX }), vec!["monthly_budget"]),
        (json!({ "name": "a", "expires_at": "tomorrow" }), vec!["expires_at"]),
        (json!({ "name": "a", "expires_at": "2026-11-22T00:00:00Z" }), vec!["expires_at"]),
        (json!({ "name": "a", "expires_at": "2026-12-24" }), vec!["expires_at"]),
        (json!({ "name": "a", "budget": 7 }), vec!["budget"]),
        (json!({ "monthly_budget": 0, "budget": 7 }), vec!["budget", "name", "monthly_budget"]),
        (json!({ "name": "a\0" }), vec!["name"]),
    ] {
        wrong_fields(&service.post("/keys", &account.key, &body).await, &fields);
    }
    let nulls = json!({ "name": "x".repeat(100), "monthly_budget": null, "expires_at": null });
    service.post("/keys", &account.key, &nulls).await.expect(201);
    // There is an end to everything: the account has two.
    for _ in 2..100 {
        service.post("/keys", &account.key, &json!({ "name": "a" })).await.expect(201);
    }
    wrong_fields(&service.post("/keys", &account.key, &json!({ "name": "a" })).await, &["name"]);
    let last = keys(&service, &account.key).await.pop().unwrap();
    assert_eq!(revoke(&service, &account.key, &last["id"]).await.status, 204);
    service.post("/keys", &account.key, &json!({ "name": "a" })).await.expect(201);
    // As with every key, what it opens depends on the plan.
    let free = service.account("free", 0).await;
    refused(&service.get("/keys", &free.key).await, 403, "insufficient_plan");
}

async fn a_budget_is_told_and_kept_to_the_token(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    let key = budgeted(&service, &account, 11).await;
    let replies = (0..16).map(|number| {
        let (service, key) = ([&service, &other][number % 2], &key);
        async move { service.generate(key, "gpt-5", "[[delay:50]] hello").await }
    });
    let replies = join_all(replies).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 5);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        let details = refused(reply, 402, "insufficient_tokens");
        assert_eq!((&details["scope"], &details["required"]), (&json!("key"), &json!(2)));
        assert!(details["available"].as_i64().unwrap() < 2, "{details}");
    }
    service.generate(&key, "gpt-5-nano", "hello").await.expect(200);
    let details = refused(&service.generate(&key, "gpt-5-nano", "hello").await, 402, "insufficient_tokens");
    assert_eq!(details, json!({ "required": 1, "available": 0, "scope": "key" }));
    // The account's other keys know nothing of it.
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!((service.calls().await, service.balance(&key).await), (7, 1_500 - 13));
    service.assert_verifies().await;
}

async fn a_failed_generation_costs_no_budget(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = budgeted(&service, &account, 2).await;
    for _ in 0..3 {
        refused(&service.generate(&key, "gpt-5", "[[fault:refuse]]").await, 422, "content_refused");
    }
    // What is held counts, until it is canceled.
    let body = json!({ "model": "gpt-5", "prompt": "[[delay:20000]]" });
    let begun = service.prefer(&key, "respond-async", &body).await.expect(202);
    refused(&service.generate(&key, "gpt-5-nano", "hello").await, 402, "insufficient_tokens");
    assert_eq!(service.cancel(&key, &begun["id"]).await.status, 200);
    service.generate(&key, "gpt-5", "hello").await.expect(200);
    refused(&service.generate(&key, "gpt-5-nano", "hello").await, 402, "insufficient_tokens");
    service.assert_verifies().await;
}

async fn a_budget_is_of_a_calendar_month(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = budgeted(&service, &account, 2).await;
    service.generate(&key, "gpt-5", "hello").await.expect(200);
    // The last millisecond of November, and then December.
    service.clock.advance_ms(9 * DAY_MS - 1);
    refused(&service.generate(&key, "gpt-5", "hello").await, 402, "insufficient_tokens");
    service.clock.advance_ms(1);
    service.generate(&key, "gpt-5", "hello").await.expect(200);
    refused(&service.generate(&key, "gpt-5", "hello").await, 402, "insufficient_tokens");
    service.assert_verifies().await;
}

async fn a_key_ends(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let body = json!({ "name": "a", "expires_at": "2026-11-22T00:00:02Z" });
    let made = service.post("/keys", &account.key, &body).await.expect(201);
    let key = made["key"].as_str().unwrap();
    let answer = service.generate(key, "gpt-5", "hello").await.expect(200);
    assert_eq!(keys(&service, &account.key).await[1]["expires_at"], "2026-11-22T00:00:02Z");
    service.clock.advance_ms(1_999);
    service.get("/balance", key).await.expect(200);
    // A key is believed for a while, but not past its end.
    service.clock.advance_ms(1);
    for reply in [
        service.get("/balance", key).await,
        service.generate(key, "gpt-5", "hello").await,
        service.get(&format!("/generate/{}", answer["id"]), key).await,
    ] {
        refused(&reply, 401, "not_authenticated");
        assert_eq!(reply.header("ratelimit-limit"), None);
    }
    assert_eq!(keys(&service, &account.key).await.len(), 1, "it is no valid key any more");
    assert_eq!(service.calls().await, 1);
}

async fn a_key_was_last_used(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let used = async || keys(&service, &account.key).await[0]["last_used_at"].clone();
    assert_eq!(used().await, Value::Null);
    service.clock.advance_ms(1_500);
    service.get("/balance", &account.key).await.expect(200);
    service.app.note_key_uses().await.unwrap();
    assert_eq!(used().await, "2026-11-22T00:00:01.500Z");
    // What another process has seen earlier, and what nobody used, change nothing.
    service.app.note_key_uses().await.unwrap();
    service.app.note_key_uses().await.unwrap();
    assert_eq!(used().await, "2026-11-22T00:00:01.500Z");
    service.clock.advance_ms(8_500);
    assert_eq!(used().await, "2026-11-22T00:00:01.500Z");
    service.app.sign_off().await;
    assert_eq!(used().await, "2026-11-22T00:00:10Z");
}

async fn a_limited_key_minds_no_subscription(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "yookassa").await;
    service.clock.advance_ms(5_000);
    let limited = Account { key: budgeted(&service, &account, 10).await, ..account.clone() };
    refused(&service.order_plan(&limited, "elite", "yookassa").await, 403, "limited_key");
    refused(&service.cancel_subscription(&limited).await, 403, "limited_key");
    refused(
        &service.post("/billing/subscription/resume", &limited.key, &json!({})).await,
        403,
        "limited_key",
    );
    assert_eq!(service.subscription(&limited).await.expect(200)["cancel_at_end"], false);
    assert_eq!(service.cancel_subscription(&account).await.status, 204);
}
