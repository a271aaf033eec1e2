//! What brings tokens: promises 10 and 11.

use super::entries;
use crate::billing::{subscriber, tokens};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase, WEBHOOK_SECRET, send};

testkit::on_each_database!(promise_10_one_grant_a_cycle, promise_11_one_grant_a_payment,);

async fn promise_10_one_grant_a_cycle(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    // From 31 January 2028 on, over a leap day.
    service.clock.advance_ms(435 * DAY_MS);
    let account = subscriber(&service, "basic").await;
    for _ in 0..40 {
        service.clock.advance_ms(2 * DAY_MS);
        let rounds = [&service, &other, &service].map(|service| service.app.bill());
        for round in join_all(rounds).await {
            round.unwrap();
        }
        service.hear_and_bill().await;
    }
    let columns = ["starts_at_ms", "ends_at_ms", "cycle_index", "allowance_tokens"];
    let own = format!("cycles WHERE account_id = {} ORDER BY starts_at_ms", account.id);
    let cycles = database.auditor().await.read(&own, &columns).await;
    let starts: Vec<Value> = cycles.iter().map(|cycle| instant(&cycle[0])).collect();
    let expected = ["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"];
    assert_eq!(starts, expected.map(Value::from));
    for (cycle, next) in cycles.iter().zip(&cycles[1..]) {
        assert_eq!(cycle[1], next[0], "{cycles:?}");
    }
    let granted = entries(&database, &account).await;
    assert_eq!(granted.iter().filter(|entry| entry[0] == "allowance").count(), cycles.len());
    service.assert_verifies().await;
}

fn instant(unix_ms: &str) -> Value {
    serde_json::to_value(domain::time::Timestamp::from_unix_ms(unix_ms.parse().unwrap())).unwrap()
}

async fn promise_11_one_grant_a_payment(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "start", "yookassa").await.expect(201);
    let row =
        database.auditor().await.read("payments", &["gateway_id", "reference", "tokens"]).await.remove(0);
    let message = json!({ "type": "notification", "event": "payment.succeeded", "object": {
        "id": row[0], "status": "succeeded", "paid": true, "amount": { "value": "1.00", "currency": "RUB" },
        "metadata": { "reference": row[1] } } });
    let tell = async |service: &Service| {
        let path = "/api/v2/billing/notifications/yookassa";
        let request = service.request(Method::POST, path, "").header("content-type", "application/json");
        send(request.body(message.to_string())).await
    };
    // It says that it is paid; the service, which is asked, says that it is not.
    tell(&service).await.expect(200);
    service.hear_and_bill().await;
    let before = tokens(&service, &account).await;
    service.confirm(&order, "succeed").await.expect(200);
    let after = (before.0, before.1 + row[2].parse::<i64>().unwrap());
    for _ in 0..3 {
        let told = [&service, &other, &service, &other].map(&tell);
        for reply in join_all(told).await {
            assert!([200, 503].contains(&reply.status), "{reply:?}");
        }
        service.hear_and_bill().await;
        assert_eq!(tokens(&service, &account).await, after);
    }
    // Telegram is believed by its secret, and by an order that fits.
    let paid = json!({ "update_id": 1, "message": { "message_id": 1, "date": 1_795_305_600, "from": { "id": 42 },
        "successful_payment": { "currency": "XTR", "total_amount": 1, "invoice_payload": row[1],
            "telegram_payment_charge_id": "stx_1", "provider_payment_charge_id": "42_0" } } });
    for (secret, status) in [("forged", 401), (WEBHOOK_SECRET, 200)] {
        let request = service.request(Method::POST, "/api/v2/billing/notifications/telegram", "");
        let request = request.header("x-telegram-bot-api-secret-token", secret);
        let reply = send(request.header("content-type", "application/json").body(paid.to_string())).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    service.hear_and_bill().await;
    assert_eq!(tokens(&service, &account).await, after);
    let granted = entries(&database, &account).await;
    assert_eq!(granted.iter().filter(|entry| entry[0] == "package").count(), 1);
    service.assert_verifies().await;
}
