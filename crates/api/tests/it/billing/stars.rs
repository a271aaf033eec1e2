//! Telegram Stars.

use super::{plan, tokens};
use domain::time::DAY_MS;
use serde_json::json;
use testkit::{Service, TestDatabase};

testkit::on_each_database!(a_package_is_bought_with_stars, telegram_renews_by_itself);

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
