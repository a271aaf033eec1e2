//! What is written down for whoever wants to hear of it: each thing once, where it happens.

use super::subscriber;
use domain::time::DAY_MS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    a_subscription_is_told_from_its_first_payment_to_its_end,
    orders_are_told_as_they_end,
);

/// An account's events, oldest first: what, and what is said of it.
async fn events(database: &TestDatabase, account: &Account) -> Vec<(String, Value)> {
    let rows = database.auditor().await.read("events", &["account_id", "id", "type", "data"]).await;
    let own = rows.into_iter().filter(|row| row[0] == account.id.to_string());
    let mut events: Vec<(i64, String, Value)> = own
        .map(|row| (row[1].parse().unwrap(), row[2].clone(), serde_json::from_str(&row[3]).unwrap()))
        .collect();
    events.sort_by_key(|(id, ..)| *id);
    events.into_iter().map(|(_, kind, data)| (kind, data)).collect()
}

/// How often each has happened.
fn counted(events: &[(String, Value)]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for (kind, _) in events {
        *counts.entry(kind.as_str()).or_default() += 1;
    }
    counts
}

async fn a_subscription_is_told_from_its_first_payment_to_its_end(database: TestDatabase) {
    let service = Service::start(&database).await;
    // Each word of the service comes twice.
    service.break_vendor("yookassa", "notify-duplicate", 1_000).await;
    let account = subscriber(&service, "basic").await;
    let told = events(&database, &account).await;
    let payment_id = &service.payments(&account).await[0]["id"];
    let expected = json!({
        "payment_id": payment_id, "kind": "subscription", "item": "basic", "method": "yookassa",
        "amount": "890.00", "currency": "RUB", "tokens": 300, "decline": null,
    });
    assert_eq!(told, [("payment.succeeded".to_owned(), expected)]);

    // Charged ahead, it is not renewed before the cycle ends.
    service.live_through(29 * DAY_MS, 29 * DAY_MS).await;
    assert_eq!(events(&database, &account).await.len(), 1);
    service.live_through(DAY_MS, DAY_MS).await;
    let told = events(&database, &account).await;
    assert_eq!(counted(&told), BTreeMap::from([("payment.succeeded", 2), ("subscription.renewed", 1)]));
    let renewed = &told.iter().find(|(kind, _)| kind == "subscription.renewed").unwrap().1;
    assert_eq!((&renewed["plan"], &renewed["status"]), (&json!("basic"), &json!("active")));
    assert_eq!(renewed["cycle_ends_at"], "2027-01-22T00:00:00Z");

    service.break_vendor("yookassa", "declined", 1_000).await;
    service.live_through(38 * DAY_MS, DAY_MS).await;
    let told = events(&database, &account).await;
    let expected = [
        ("payment.failed", 5),
        ("payment.succeeded", 2),
        ("subscription.ended", 1),
        ("subscription.past_due", 1),
        ("subscription.renewed", 1),
    ];
    assert_eq!(counted(&told), BTreeMap::from(expected));
    let (kind, ended) = told.last().unwrap();
    assert_eq!((kind.as_str(), &ended["end_reason"]), ("subscription.ended", &json!("unpaid")));
    let failed = &told.iter().find(|(kind, _)| kind == "payment.failed").unwrap().1;
    assert_eq!((&failed["kind"], &failed["decline"]), (&json!("renewal"), &json!("declined")));
}

async fn orders_are_told_as_they_end(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let package = service.order_package(&account, "start", "yookassa").await.expect(201);
    service.confirm(&package, "cancel").await.expect(200);
    // Closed here by the next one, and paid all the same: that goes back.
    let closed = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    let vip = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    service.confirm(&closed, "succeed").await.expect(200);
    service.confirm(&vip, "succeed").await.expect(200);
    service.live_through(DAY_MS, DAY_MS / 2).await;
    let told = events(&database, &account).await;
    let about = |kind: &str, payment: &Value| {
        let is_it =
            |(found, data): &&(String, Value)| found == kind && data["payment_id"] == payment["payment_id"];
        told.iter().filter(is_it).count()
    };
    assert_eq!((about("payment.failed", &package), about("payment.succeeded", &package)), (1, 0));
    assert_eq!(about("payment.succeeded", &closed), 0);
    assert!(about("payment.failed", &closed) > 0);
    assert_eq!((about("payment.failed", &vip), about("payment.succeeded", &vip)), (0, 1));
    let ended: Vec<&Value> =
        told.iter().filter(|(kind, _)| kind == "subscription.ended").map(|(_, data)| data).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!((&ended[0]["plan"], &ended[0]["end_reason"]), (&json!("basic"), &json!("replaced")));

    service.cancel_subscription(&account).await;
    service.live_through(30 * DAY_MS, 30 * DAY_MS).await;
    let told = events(&database, &account).await;
    let (kind, ended) = told.last().unwrap();
    assert_eq!((kind.as_str(), &ended["end_reason"]), ("subscription.ended", &json!("canceled")));
}
