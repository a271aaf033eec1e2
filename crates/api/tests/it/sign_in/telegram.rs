//! Signing in by Telegram's login widget.

use super::{me, refresh, signed_in};
use crate::{refused, wrong_fields};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use testkit::{BOT_TOKEN, Reply, Service, TestDatabase, send};

testkit::on_each_database!(
    a_user_of_telegram_has_an_account,
    what_is_forged_or_old_is_refused,
    one_who_comes_twice_at_once_has_one_account,
    one_who_comes_again_after_erasure_begins_with_nothing,
);

/// 2026-11-22T00:00:00Z, when every test begins.
const NOW_S: i64 = 1_795_305_600;

/// What the widget gives, signed.
fn widget(id: i64, username: &str, auth_date: i64) -> Value {
    let mut fields = json!({
        "id": id, "first_name": "Анна", "last_name": "B.", "username": username, "auth_date": auth_date,
        "photo_url": "https://t.me/i/ann.jpg",
    });
    fields["hash"] = Value::from(sign(fields.as_object().unwrap()));
    fields
}

fn sign(fields: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    lines.sort_unstable();
    let mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(BOT_TOKEN)).unwrap();
    let mac = mac.chain_update(lines.join("\n")).finalize().into_bytes();
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn log_in(service: &Service, fields: &Value) -> Reply {
    service.post("/auth/telegram", "", fields).await
}

async fn a_user_of_telegram_has_an_account(database: TestDatabase) {
    let service = Service::start(&database).await;
    let first = log_in(&service, &widget(42, "ann", NOW_S)).await;
    let user = first.expect(201)["user"].clone();
    assert_eq!(user, json!({ "id": user["id"], "name": "Анна B.", "plan": "free", "token_balance": 50 }));
    let seen = me(&service, signed_in(&first).access()).await.expect(200);
    assert_eq!((&seen["email"], &seen["telegram_username"]), (&json!(null), &json!("ann")));
    assert_eq!(seen["avatar_url"], "https://t.me/i/ann.jpg");
    assert_eq!(seen["auth_methods"], json!({ "telegram": true, "email": false }));
    service.clock.advance_ms(DAY_MS);
    let again = log_in(&service, &widget(42, "ann_b", NOW_S)).await;
    assert_eq!(again.expect(200)["user"], user);
    let again = signed_in(&again);
    assert_eq!(me(&service, again.access()).await.expect(200)["telegram_username"], "ann_b");
    refresh(&service, &again.cookie).await.expect(200);
    assert_ne!(log_in(&service, &widget(43, "bob", NOW_S)).await.expect(201)["user"]["id"], user["id"]);
    service.assert_verifies().await;
}

async fn what_is_forged_or_old_is_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut other = widget(42, "ann", NOW_S);
    other["id"] = json!(43);
    let mut more = widget(42, "ann", NOW_S);
    more["is_admin"] = json!("true");
    let mut unsigned = widget(42, "ann", NOW_S);
    unsigned["hash"] = json!("00".repeat(32));
    let old = widget(42, "ann", NOW_S - DAY_MS / 1_000 - 1);
    let early = widget(42, "ann", NOW_S + 3_600);
    for forged in [&other, &more, &unsigned, &old, &early] {
        let reply = log_in(&service, forged).await;
        refused(&reply, 401, "not_authenticated");
        assert_eq!(reply.header("set-cookie"), None);
    }
    wrong_fields(&log_in(&service, &json!({ "first_name": "Ann" })).await, &["id", "auth_date", "hash"]);
    wrong_fields(&log_in(&service, &json!({ "id": [], "auth_date": 1, "hash": "" })).await, &["id"]);
    assert_eq!(database.auditor().await.read("accounts", &["id"]).await.len(), 0);
}

async fn one_who_comes_twice_at_once_has_one_account(database: TestDatabase) {
    let service = Service::start(&database).await;
    let fields = widget(42, "ann", NOW_S);
    let replies = join_all((0..6).map(|_| log_in(&service, &fields))).await;
    let mut ids: Vec<_> = replies.iter().map(|reply| reply.json()["user"]["id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 201], "one of them has opened it");
    assert_eq!(database.auditor().await.read("accounts", &["id"]).await.len(), 1);
    service.assert_verifies().await;
}

async fn one_who_comes_again_after_erasure_begins_with_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let first = log_in(&service, &widget(42, "ann", NOW_S)).await;
    assert_eq!(first.expect(201)["user"]["token_balance"], 50);
    let request = service.request(reqwest::Method::DELETE, "/api/v2/user/me", signed_in(&first).access());
    assert_eq!(send(request).await.status, 204);
    let again = log_in(&service, &widget(42, "ann", NOW_S)).await;
    assert_eq!(again.expect(201)["user"]["token_balance"], 0);
    assert_ne!(again.json()["user"]["id"], first.json()["user"]["id"]);
    assert_eq!(log_in(&service, &widget(43, "bob", NOW_S)).await.expect(201)["user"]["token_balance"], 50);
    service.assert_verifies().await;
}
