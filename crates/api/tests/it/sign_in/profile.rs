//! `/user/me` and `/user/balance`.

use super::{me, register};
use crate::{refused, wrong_fields};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Service, TestDatabase, send};

testkit::on_each_database!(an_account_shows_itself, an_account_is_changed, a_purse_is_told_apart,);

async fn patch(service: &Service, key: &str, body: &Value) -> Reply {
    let request = service.request(Method::PATCH, "/api/v2/user/me", key);
    send(request.header("content-type", "application/json").body(body.to_string())).await
}

async fn an_account_shows_itself(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    service.generate(ann.access(), "gpt-5-nano", "hello").await.expect(200);
    refused(&service.generate(ann.access(), "gpt-5-nano", "[[fault:refuse]]").await, 422, "content_refused");
    let expected = json!({
        "id": ann.account.id, "name": "Ann", "email": "ann@example.org", "telegram_username": null,
        "avatar_url": null, "plan": "free", "plan_expires_at": null, "token_balance": 49, "token_limit": 50,
        "tokens_used_this_period": 1, "rate_limit_hourly": 20, "rate_limit_daily": 150,
        "auth_methods": { "telegram": false, "email": true },
    });
    assert_eq!(me(&service, ann.access()).await.expect(200), expected);
    // A period begins with its cycle, and an operator's account has no password.
    service.clock.advance_ms(1_000);
    service.subscribe(&ann.account, "elite", "yookassa").await;
    // The plan of before is believed for a moment.
    service.clock.advance_ms(5_000);
    service.generate(ann.access(), "gpt-5", "hello").await.expect(200);
    let seen = me(&service, ann.access()).await.expect(200);
    let told = |name: &str| seen[name].clone();
    assert_eq!((told("plan"), told("plan_expires_at")), (json!("elite"), json!("2026-12-22T00:00:01Z")));
    assert_eq!((told("token_limit"), told("tokens_used_this_period")), (json!(3_000), json!(2)));
    assert_eq!((told("rate_limit_hourly"), told("rate_limit_daily")), (json!(0), json!(0)));
    let made = service.account("vip", 0).await;
    let seen = me(&service, &made.key).await.expect(200);
    assert_eq!((&seen["name"], &seen["auth_methods"]["email"]), (&json!(""), &json!(false)));
}

async fn an_account_is_changed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let changed = patch(&service, ann.access(), &json!({ "avatar_url": "https://example.org/a.png" })).await;
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["name"], &changed["avatar_url"]),
        (&json!("Ann"), &json!("https://example.org/a.png"))
    );
    let changed = patch(&service, ann.access(), &json!({ "name": " Анна " })).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["avatar_url"]),
        (&json!("Анна"), &json!("https://example.org/a.png"))
    );
    assert_eq!(patch(&service, ann.access(), &json!({})).await.expect(200), changed);
    let changed = patch(&service, ann.access(), &json!({ "avatar_url": null })).await.expect(200);
    assert_eq!(changed["avatar_url"], Value::Null);
    for (body, fields) in [
        (json!({ "name": "" }), vec!["name"]),
        (json!({ "name": null }), vec!["name"]),
        (json!({ "name": "a\u{7}", "avatar_url": "javascript:alert(1)" }), vec!["name", "avatar_url"]),
        (json!({ "avatar_url": format!("https://example.org/{}", "x".repeat(2_048)) }), vec!["avatar_url"]),
        (json!({ "avatar_url": 7 }), vec!["avatar_url"]),
        (json!({ "email": "bob@example.org" }), vec!["email"]),
    ] {
        wrong_fields(&patch(&service, ann.access(), &body).await, &fields);
    }
    assert_eq!(me(&service, ann.access()).await.expect(200), changed);
    let vip = service.account("vip", 0).await;
    let limited = json!({ "name": "limited", "monthly_budget": 5 });
    let limited = service.post("/keys", &vip.key, &limited).await.expect(201);
    let limited = limited["key"].as_str().unwrap();
    refused(&patch(&service, limited, &json!({ "name": "x" })).await, 403, "limited_key");
    refused(&send(service.request(Method::DELETE, "/api/v2/user/me", limited)).await, 403, "limited_key");
    patch(&service, &vip.key, &json!({ "name": "x" })).await.expect(200);
}

async fn a_purse_is_told_apart(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let purse = async || service.get("/user/balance", ann.access()).await.expect(200);
    let mut expected = json!({
        "token_balance": 50, "plan": "free", "plan_expires_at": null, "plan_tokens_remaining": 0,
        "bonus_tokens": 50, "next_refill_at": null, "held_tokens": 0,
    });
    assert_eq!(purse().await, expected);
    service.subscribe(&ann.account, "vip", "yookassa").await;
    let spender = service.spender().await;
    spender.hold(&ann.account, 4).await.unwrap();
    expected["token_balance"] = json!(1_546);
    expected["plan"] = json!("vip");
    expected["plan_expires_at"] = json!("2026-12-22T00:00:00Z");
    expected["plan_tokens_remaining"] = json!(1_496);
    expected["next_refill_at"] = json!("2026-12-22T00:00:00Z");
    expected["held_tokens"] = json!(4);
    assert_eq!(purse().await, expected);
    assert_eq!(service.cancel_subscription(&ann.account).await.status, 204);
    expected["next_refill_at"] = json!(null);
    assert_eq!(purse().await, expected);
}
