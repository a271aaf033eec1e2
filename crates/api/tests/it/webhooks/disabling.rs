//! Endpoints that take nothing any more.

use super::{Receiver, change, deliveries, generate, listen, shown};
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    one_that_says_gone_is_disabled,
    one_that_fails_for_days_is_disabled,
    one_that_recovers_is_not_disabled,
    one_can_be_disabled_for_a_while,
);

const HOUR_MS: i64 = 3_600_000;

async fn one_that_says_gone_is_disabled(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    receiver.answer(500);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    receiver.answer(410);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let seen = shown(&service, &account, &webhook["id"]).await;
    assert_eq!((&seen["status"], seen["disabled_at"].is_string()), (&json!("disabled"), true));
    assert!(seen["last_error"].as_str().unwrap().contains("410"), "{seen}");
    // What was on its way before is given up, too.
    let sent = deliveries(&service, &account, &webhook["id"]).await;
    assert!(sent.len() == 2 && sent.iter().all(|one| one["status"] == "failed"), "{sent:?}");
    service.clock.advance_ms(HOUR_MS);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 0);

    receiver.answer(200);
    let enabled =
        change(&service, &account, &webhook["id"], &json!({ "status": "enabled" })).await.expect(200);
    assert_eq!((&enabled["status"], &enabled["last_error"]), (&json!("enabled"), &Value::Null));
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
}

/// Lets a day pass, hour by hour, and a bit.
async fn live_a_day(service: &Service) {
    for _ in 0..300 {
        service.clock.advance_ms(5 * 60_000);
        service.deliver().await;
    }
}

async fn fail_for_a_day(service: &Service, account: &Account, webhook: &Value) -> Value {
    generate(service, account, "Hello.").await.expect(200);
    service.deliver().await;
    live_a_day(service).await;
    let seen = shown(service, account, &webhook["id"]).await;
    let newest = deliveries(service, account, &webhook["id"]).await[0].clone();
    assert_eq!((&newest["status"], &newest["attempts"]), (&json!("failed"), &json!(11)));
    seen
}

async fn one_that_fails_for_days_is_disabled(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    receiver.answer(503);
    let seen = fail_for_a_day(&service, &account, &webhook).await;
    assert_eq!(seen["status"], "enabled");
    let since = seen["failing_since"].clone();
    assert!(since.is_string() && seen["last_error"].as_str().unwrap().contains("503"), "{seen}");
    // Days on it takes another message that is given up, and then it is over.
    service.clock.advance_ms(4 * 24 * HOUR_MS);
    let seen = fail_for_a_day(&service, &account, &webhook).await;
    assert_eq!((&seen["status"], &seen["failing_since"]), (&json!("disabled"), &since));
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 0);
}

async fn one_that_recovers_is_not_disabled(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    receiver.answer(503);
    fail_for_a_day(&service, &account, &webhook).await;
    service.clock.advance_ms(4 * 24 * HOUR_MS);
    receiver.answer(200);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let seen = shown(&service, &account, &webhook["id"]).await;
    assert_eq!((&seen["failing_since"], &seen["last_error"]), (&Value::Null, &Value::Null));
    receiver.answer(503);
    let seen = fail_for_a_day(&service, &account, &webhook).await;
    assert_eq!(seen["status"], "enabled");
}

async fn one_can_be_disabled_for_a_while(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let off = change(&service, &account, &webhook["id"], &json!({ "status": "disabled" })).await.expect(200);
    assert_eq!(off["status"], "disabled");
    let again =
        change(&service, &account, &webhook["id"], &json!({ "status": "disabled" })).await.expect(200);
    assert_eq!(again, off);
    generate(&service, &account, "Hello.").await.expect(200);
    change(&service, &account, &webhook["id"], &json!({ "status": "enabled" })).await.expect(200);
    assert_eq!(service.deliver().await, 0);
    for body in [json!({}), json!({ "status": "paused" }), json!({ "status": 1 })] {
        crate::wrong_fields(&change(&service, &account, &webhook["id"], &body).await, &["status"]);
    }
    crate::refused(
        &change(&service, &account, &json!(1), &json!({ "status": "enabled" })).await,
        404,
        "not_found",
    );
}
