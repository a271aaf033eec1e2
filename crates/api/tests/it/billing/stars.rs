//! Telegram Stars.

use super::{plan, tokens};
use domain::time::DAY_MS;
use serde_json::json;
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    a_package_is_bought_with_stars,
    telegram_renews_by_itself,
    a_canceled_period_makes_room_when_it_ends,
    books_that_cannot_be_read_end_nothing,
);

async fn a_package_is_bought_with_stars(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    // 24,900 kopecks at 120 a Star, rounded up.
    assert_eq!((&order["amount"], &order["currency"]), (&json!("208"), &json!("XTR")), "{order:#}");
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (0, 100));
    // The link is still there; a second payment is refused before it is made.
    service.confirm(&order, "succeed").await;
    assert_eq!(tokens(&service, &account).await, (0, 100));
    service.assert_verifies().await;
}

async fn telegram_renews_by_itself(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "telegram_stars").await;
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    assert_eq!(plan(&service, &account).await, ("vip".to_owned(), json!("2026-12-22T00:00:00Z")));
    service.live_through(61 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await, ("vip".to_owned(), json!("2027-02-20T00:00:00Z")));
    assert_eq!(service.payments(&account).await.len(), 3);
    assert_eq!(service.cancel_subscription(&account).await.status, 204);
    service.live_through(40 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await.0, "free");
    assert_eq!(service.payments(&account).await.len(), 3);
    service.assert_verifies().await;
}

async fn a_canceled_period_makes_room_when_it_ends(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "telegram_stars").await;
    assert_eq!(service.cancel_subscription(&account).await.status, 204);
    service.live_through(30 * DAY_MS - 1, 10 * DAY_MS).await;
    assert_eq!(plan(&service, &account).await.0, "vip");
    service.live_through(1, 1).await;
    assert_eq!(service.subscription(&account).await.status, 404);
    service.subscribe(&account, "basic", "yookassa").await;
    assert_eq!(tokens(&service, &account).await, (300, 50));
    service.assert_verifies().await;
}

/// All who may have been charged wait for one reading of the books, and for the next where that fails.
async fn books_that_cannot_be_read_end_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut accounts = Vec::new();
    for _ in 0..3 {
        let account = service.account("free", 0).await;
        service.subscribe(&account, "basic", "telegram_stars").await;
        accounts.push(account);
    }
    service.break_vendor("telegram", "declined", 3).await;
    service.live_through(30 * DAY_MS, 15 * DAY_MS).await;
    service.clock.advance_ms(DAY_MS);
    // One reading is three attempts: a second one in the same round would go through.
    service.break_vendor("telegram", "500", 3).await;
    service.hear_and_bill().await;
    for account in &accounts {
        assert_eq!(service.subscription(account).await.expect(200)["status"], "active");
    }
    service.live_through(DAY_MS / 24, DAY_MS / 24).await;
    for account in &accounts {
        assert_eq!(service.subscription(account).await.status, 404);
        assert_eq!(plan(&service, account).await.0, "free");
    }
    service.assert_verifies().await;
}
