//! Roubles.

use super::{plan, tokens};
use domain::time::DAY_MS;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    a_package_is_granted_once_it_is_paid,
    a_subscription_starts_with_its_payment,
    an_upgrade_credits_what_is_unused,
    a_downgrade_waits_for_the_end,
    a_canceled_subscription_ends_with_its_cycle,
    renewals_keep_to_the_anchor,
    a_declined_renewal_is_tried_again_and_ends_in_starter,
);

async fn a_package_is_granted_once_it_is_paid(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    assert_eq!((&order["status"], &order["amount"]), (&json!("pending"), &json!("449.00")), "{order:#}");
    service.hear_and_bill().await;
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (0, 150));
    let paid = service.payments(&account).await;
    assert_eq!(paid.len(), 1);
    assert_eq!((&paid[0]["status"], &paid[0]["item"]), (&json!("succeeded"), &json!("light")), "{paid:#?}");
    service.confirm(&order, "succeed").await;
    assert_eq!(tokens(&service, &account).await, (0, 150));
    service.assert_verifies().await;
}

async fn a_subscription_starts_with_its_payment(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "pro", "yookassa").await;
    assert_eq!(tokens(&service, &account).await, (700, 50));
    assert_eq!(plan(&service, &account).await, ("pro".to_owned(), json!("2026-12-22T00:00:00Z")));
    let subscription = service.subscription(&account).await.expect(200);
    assert_eq!((&subscription["status"], &subscription["plan"]), (&json!("active"), &json!("pro")));
    let again = service.order_plan(&account, "pro", "yookassa").await.expect(200);
    assert_eq!(again["payment_id"], Value::Null, "{again:#}");
    service.assert_verifies().await;
}

async fn an_upgrade_credits_what_is_unused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "basic", "yookassa").await;
    // A third of December's cycle has passed, and no token is used: 20 of 30 days of 890 roubles.
    service.live_through(10 * DAY_MS, DAY_MS).await;
    let order = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    assert_eq!((&order["credit"], &order["amount"]), (&json!("593.33"), &json!("2396.67")), "{order:#}");
    // What pays a part of it is set aside meanwhile, and comes back when it is not paid.
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.confirm(&order, "cancel").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    let order = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    assert_eq!(plan(&service, &account).await, ("vip".to_owned(), json!("2027-01-02T00:00:00Z")));
    service.assert_verifies().await;
}

async fn a_downgrade_waits_for_the_end(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "yookassa").await;
    let later = service.order_plan(&account, "basic", "yookassa").await.expect(200);
    assert_eq!(later["effective_at"], json!("2026-12-22T00:00:00Z"), "{later:#}");
    assert_eq!(later["subscription"]["next_plan"], json!("basic"));
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    service.live_through(30 * DAY_MS, DAY_MS).await;
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    service.assert_verifies().await;
}

async fn a_canceled_subscription_ends_with_its_cycle(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "yookassa").await;
    assert_eq!(service.cancel_subscription(&account).await.status, 204);
    let resumed = service.post("/billing/subscription/resume", &account.key, &json!({})).await.expect(200);
    assert_eq!(resumed["cancel_at_end"], json!(false));
    assert_eq!(service.cancel_subscription(&account).await.status, 204);
    service.live_through(29 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await.0, "vip");
    service.live_through(DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null));
    assert_eq!(tokens(&service, &account).await, (0, 50));
    assert_eq!(service.subscription(&account).await.status, 404);
    assert_eq!(service.payments(&account).await.len(), 1);
    service.assert_verifies().await;
}

async fn renewals_keep_to_the_anchor(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    // To 31 January 2027, noon.
    service.clock.advance_ms(70 * DAY_MS + DAY_MS / 2);
    service.subscribe(&account, "basic", "yookassa").await;
    for (ends_at, days) in [
        ("2027-02-28T12:00:00Z", 28),
        ("2027-03-31T12:00:00Z", 31),
        ("2027-04-30T12:00:00Z", 30),
        ("2027-05-31T12:00:00Z", 31),
    ] {
        assert_eq!(tokens(&service, &account).await, (300, 50));
        // It is charged a day ahead, and goes on until its end.
        for _ in 0..2 * days {
            assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!(ends_at)));
            service.live_through(DAY_MS / 2, DAY_MS / 2).await;
        }
    }
    assert_eq!(service.payments(&account).await.len(), 5);
    service.assert_verifies().await;
}

async fn a_declined_renewal_is_tried_again_and_ends_in_starter(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "yookassa").await;
    service.break_vendor("yookassa", "declined", 1_000).await;
    service.live_through(29 * DAY_MS, DAY_MS).await;
    assert_eq!(service.subscription(&account).await.expect(200)["status"], json!("past_due"));
    service.live_through(5 * DAY_MS, DAY_MS).await;
    // In grace the plan is kept, and its tokens are over.
    assert_eq!(plan(&service, &account).await.0, "vip");
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.live_through(3 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await.0, "free");
    let tried = service.payments(&account).await;
    let declined = tried.iter().filter(|payment| payment["status"] == "canceled").count();
    assert_eq!((tried.len(), declined), (6, 5), "{tried:#?}");
    service.assert_verifies().await;
}
