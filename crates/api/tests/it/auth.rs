//! Who may do what.

use crate::refused;
use app::CreatedKey;
use reqwest::{Method, header::AUTHORIZATION};
use serde_json::json;
use testkit::{Account, Service, TestDatabase, send};

testkit::on_each_database!(
    without_a_valid_key_there_is_nothing,
    keys_work_on_vip_and_elite,
    after_its_cycle_a_key_reads_only_what_it_made,
    a_revoked_key_stops_on_every_process,
    a_generation_is_its_accounts_own,
);

const DAY_MS: i64 = 86_400_000;

async fn another_key(service: &Service, account: &Account) -> CreatedKey {
    service.app.create_key(account.id, "second").await.unwrap()
}

async fn without_a_valid_key_there_is_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    assert_eq!(key.len(), 48);
    let with = async |authorization: &str| {
        let request = service.request(Method::GET, "/api/v2/balance", "");
        send(request.header(AUTHORIZATION, authorization)).await
    };
    let mut replies = vec![service.get("/balance", "").await];
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {key}"),
        format!("Token {key}"),
        key.clone(),
        "Bearer nb_short".to_owned(),
        format!("Bearer {}", &key[..47]),
        format!("Bearer {key}x"),
        format!("Bearer {}", key.to_lowercase()),
        format!("Bearer nb_{}", "a".repeat(45)),
        format!("Bearer {} {key}", key),
    ] {
        replies.push(with(&wrong).await);
    }
    for reply in &replies {
        assert_eq!(refused(reply, 401, "not_authenticated"), json!({}));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert!(!reply.body.contains(key.as_str()));
    }
    with(&format!("bearer {key}")).await.expect(200);
    with(&format!("BEARER {key}")).await.expect(200);
}

async fn keys_work_on_vip_and_elite(database: TestDatabase) {
    let service = Service::start(&database).await;
    for plan in ["free", "basic", "pro"] {
        let account = service.account(plan, 100).await;
        let generate = json!({ "model": "gpt-5-nano", "prompt": "hello" });
        for reply in [
            service.get("/balance", &account.key).await,
            service.post("/generate", &account.key, &generate).await,
            service.post("/generate/stream", &account.key, &generate).await,
            service.get("/generate/1", &account.key).await,
        ] {
            let details = refused(&reply, 403, "insufficient_plan");
            assert_eq!(details, json!({ "required_plan": "vip", "plan": plan }));
        }
    }
    assert_eq!(service.calls().await, 0);
    for (plan, tokens) in [("vip", 1_500), ("elite", 3_000)] {
        let account = service.account(plan, 7).await;
        let balance = service.get("/balance", &account.key).await.expect(200);
        let expected = json!({
            "token_balance": tokens + 7, "plan": plan, "plan_expires_at": "2026-12-22T00:00:00Z",
        });
        assert_eq!(balance, expected);
        service.generate(&account.key, "gpt-5.2-pro", "hello").await.expect(200);
    }
}

async fn after_its_cycle_a_key_reads_only_what_it_made(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 7).await;
    let other = another_key(&service, &account).await;
    let made = service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    let path = format!("/generate/{}", made["id"]);
    for key in [&account.key, &other.api_key] {
        assert_eq!(service.get(&path, key).await.expect(200), made);
    }
    service.clock.advance_ms(30 * DAY_MS);
    let details = json!({ "required_plan": "vip", "plan": "free" });
    for reply in [
        service.get("/balance", &account.key).await,
        service.generate(&account.key, "gpt-5-nano", "hello").await,
        service.get(&path, &other.api_key).await,
    ] {
        assert_eq!(refused(&reply, 403, "insufficient_plan"), details);
    }
    let mut read = service.get(&path, &account.key).await.expect(200);
    // The plan's tokens have gone with it, swept or not.
    assert_eq!(read["balance_remaining"], 7);
    read["balance_remaining"] = made["balance_remaining"].clone();
    assert_eq!(read, made);
    assert_eq!(service.app.recover().await.unwrap().expired_cycles, 1);
    assert_eq!(service.app.recover().await.unwrap().expired_cycles, 0);
    assert_eq!(service.get(&path, &account.key).await.expect(200)["balance_remaining"], 7);
    assert_eq!(service.calls().await, 1);
    service.assert_verifies().await;
}

async fn a_revoked_key_stops_on_every_process(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    let spare = another_key(&service, &account).await;
    for service in [&service, &other] {
        assert_eq!(service.balance(&account.key).await, 1_500);
    }
    service.app.revoke_key(account.id, account.key_id).await.unwrap();
    service.clock.advance_ms(5_000);
    for service in [&service, &other] {
        refused(&service.get("/balance", &account.key).await, 401, "not_authenticated");
        refused(&service.generate(&account.key, "gpt-5", "hello").await, 401, "not_authenticated");
        assert_eq!(service.balance(&spare.api_key).await, 1_500);
    }
    assert_eq!(service.calls().await, 0);
}

async fn a_generation_is_its_accounts_own(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, stranger) = (service.account("vip", 0).await, service.account("elite", 0).await);
    let made = service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    let path = format!("/generate/{}", made["id"]);
    service.get(&path, &account.key).await.expect(200);
    refused(&service.get(&path, &stranger.key).await, 404, "not_found");
    refused(&service.get(&path, "").await, 401, "not_authenticated");
    for id in ["0", "-1", "9007199254740993", "99999999999999999999", "1e3", "latest", "%20", "1%2F2"] {
        refused(&service.get(&format!("/generate/{id}"), &account.key).await, 404, "not_found");
    }
}
