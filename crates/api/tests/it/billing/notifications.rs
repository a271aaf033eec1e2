//! What comes in the name of payment services: believed only as far as they confirm it.

use super::{books, plan, tokens};
use crate::{refused, wrong_fields};
use domain::time::DAY_MS;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Backend, Reply, Service, TestDatabase, WEBHOOK_SECRET, http_client, send};

testkit::on_each_database!(
    forged_messages_change_nothing,
    a_service_is_asked_only_about_what_may_be_ours,
    a_word_that_comes_twice_late_or_never_counts_once,
    what_telegram_says_again_has_been_heard,
    what_telegram_asks_first_is_refused_where_it_should_be,
);

const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Posts a message in a service's name.
pub(super) async fn tell(
    service: &Service,
    of: &str,
    secret: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> Reply {
    let request = service.request(Method::POST, &format!("/api/v2/billing/notifications/{of}"), "");
    let request = match secret {
        Some(secret) => request.header(SECRET_HEADER, secret),
        None => request,
    };
    send(request.header("content-type", "application/json").body(body)).await
}

/// Has the bot of the sandbox called, as Telegram's other clients might.
pub(super) async fn call_bot(service: &Service, method: &str, parameters: &Value) -> Value {
    let base_url = service.sandbox.base_url("telegram").unwrap();
    let request = http_client().post(format!("{base_url}/bot1:token/{method}"));
    let request = request.header("content-type", "application/json").body(parameters.to_string());
    send(request).await.expect(200)["result"].clone()
}

/// All that an account has: tokens, payments, and a plan.
async fn state(service: &Service, account: &Account) -> impl PartialEq + std::fmt::Debug {
    (tokens(service, account).await, plan(service, account).await, service.payments(account).await)
}

fn paid_message(reference: &Value, amount_stars: i64) -> Value {
    json!({ "update_id": 1, "message": { "message_id": 1, "date": 1_795_305_600, "from": { "id": 42 },
        "successful_payment": { "currency": "XTR", "total_amount": amount_stars, "invoice_payload": reference,
            "telegram_payment_charge_id": "stx_forged", "provider_payment_charge_id": "42_0" } } })
}

async fn forged_messages_change_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (payer, forger) = (service.account("free", 0).await, service.account("free", 0).await);
    let bought = service.order_package(&payer, "start", "yookassa").await.expect(201);
    service.confirm(&bought, "succeed").await.expect(200);
    let wanted = service.order_package(&forger, "ultra", "yookassa").await.expect(201);
    let by_stars = service.order_package(&forger, "ultra", "telegram_stars").await.expect(201);
    let paid = books::payments(&service, &payer).await.remove(0);
    let open = books::payments(&service, &forger).await.remove(0);
    let rows = database.auditor().await.read("payments", &["id", "reference"]).await;
    let id = by_stars["payment_id"].to_string();
    let reference = rows.iter().find(|row| row[0] == id).unwrap();
    let reference = json!(reference[1]);
    let before = (state(&service, &payer).await, state(&service, &forger).await);

    let nobody = json!("2cd2ee4e-000f-5000-9000-1d3b7c0bd9f3");
    for (event, id) in [
        ("payment.succeeded", &open["id"]),
        ("payment.waiting_for_capture", &open["id"]),
        ("payment.canceled", &open["id"]),
        ("payment.succeeded", &nobody),
        ("payment.succeeded", &paid["id"]),
        ("payment.canceled", &paid["id"]),
        ("refund.succeeded", &nobody),
        ("payout.succeeded", &nobody),
    ] {
        // As good as the genuine ones: it says that the forger's order was paid.
        let object = json!({ "id": id, "payment_id": paid["id"], "status": "succeeded", "paid": true,
            "amount": { "value": "24990.00", "currency": "RUB" }, "metadata": open["metadata"] });
        let message = json!({ "type": "notification", "event": event, "object": object });
        tell(&service, "yookassa", None, message.to_string()).await.expect(200);
    }
    let message = paid_message(&reference, 20_825).to_string();
    let near = &WEBHOOK_SECRET[1..];
    let longer = format!("{WEBHOOK_SECRET}x");
    for secret in [None, Some(""), Some("forged"), Some(near), Some(&longer), Some("TEST-SECRET")] {
        refused(&tell(&service, "telegram", secret, message.clone()).await, 401, "not_authenticated");
        refused(&tell(&service, "telegram", secret, "garbage").await, 401, "not_authenticated");
    }
    // Telegram's own word of an order that is not ours, and of one at another price.
    let unknown = paid_message(&json!("7.p0.ultra.000000000000000000000000"), 20_825);
    tell(&service, "telegram", Some(WEBHOOK_SECRET), unknown.to_string()).await.expect(200);
    service.hear_and_bill().await;
    assert_eq!((state(&service, &payer).await, state(&service, &forger).await), before);

    let cheap = paid_message(&reference, 1).to_string();
    tell(&service, "telegram", Some(WEBHOOK_SECRET), cheap).await.expect(200);
    service.live_through(2 * DAY_MS, DAY_MS).await;
    assert_eq!(tokens(&service, &forger).await, (0, 50));
    // The page has expired; nobody has lost anything by that.
    service.confirm(&wanted, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &forger).await, (0, 50));
    service.assert_verifies().await;
}

/// Anybody can make up ids. While the service is away, those that it would be asked about are told to come again.
async fn a_service_is_asked_only_about_what_may_be_ours(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "start", "yookassa").await.expect(201);
    let open = books::payments(&service, &account).await.remove(0);
    service.break_vendor("yookassa", "500", 1_000).await;
    let (id, reference) = (&open["id"], &open["reference"]);
    for (event, object, status) in [
        ("payment.succeeded", json!({ "id": "made-up" }), 200),
        ("payment.succeeded", json!({ "id": "made-up", "metadata": { "reference": "made-up" } }), 200),
        ("payment.succeeded", json!({ "id": "made-up", "metadata": { "reference": "\u{0}" } }), 200),
        ("refund.succeeded", json!({ "id": "made-up", "payment_id": "made-up" }), 200),
        ("payment.succeeded", json!({ "id": id }), 500),
        ("payment.succeeded", json!({ "id": "not-known-yet", "metadata": { "reference": reference } }), 500),
        ("refund.succeeded", json!({ "id": "not-known-yet", "payment_id": id }), 500),
    ] {
        let message = json!({ "type": "notification", "event": event, "object": object });
        let reply = tell(&service, "yookassa", None, message.to_string()).await;
        assert_eq!(reply.status, status, "{message}");
    }
    service.break_vendor("yookassa", "none", 1).await;
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (0, 100));
}

async fn a_word_that_comes_twice_late_or_never_counts_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (vendor, method, paid_minor) in
        [("yookassa", "yookassa", 89_000 + 24_900), ("telegram", "telegram_stars", 742 + 208)]
    {
        let faults = ["duplicate", "late", "reordered", "forged", "lost"];
        let mut accounts = Vec::new();
        for fault in faults {
            let account = service.account("free", 0).await;
            let plan = service.order_plan(&account, "basic", method).await.expect(201);
            let package = service.order_package(&account, "start", method).await.expect(201);
            service.break_vendor(vendor, &format!("notify-{fault}"), 2).await;
            for (order, user_id) in [(&plan, 1_000 + account.id.0), (&package, 42)] {
                let page = format!("{}/succeed", order["confirmation_url"].as_str().unwrap());
                let said = json!({ "user_id": user_id }).to_string();
                send(http_client().post(page).body(said)).await.expect(200);
            }
            service.hear_and_bill().await;
            accounts.push(account);
        }
        // What was never told is found by asking, or in the service's books.
        service.live_through(2 * DAY_MS, DAY_MS / 4).await;
        service.app.reconcile_daily().await.unwrap();
        for (account, fault) in accounts.iter().zip(faults) {
            assert_eq!(tokens(&service, account).await, (300, 100), "{method} {fault}");
            assert_eq!(books::kept_minor(&service, account).await, paid_minor, "{method} {fault}");
            service.cancel_subscription(account).await;
        }
    }
    service.assert_verifies().await;
}

/// It says everything again that we refuse.
async fn what_telegram_says_again_has_been_heard(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    let paid = books::payments(&service, &account).await.remove(0);
    let mut message = paid_message(&paid["reference"], 208);
    message["message"]["successful_payment"]["telegram_payment_charge_id"] = paid["id"].clone();
    tell(&service, "telegram", Some(WEBHOOK_SECRET), message.to_string()).await.expect(200);
    service.hear_and_bill().await;
    assert_eq!(tokens(&service, &account).await, (0, 100));
    assert_eq!(books::kept_minor(&service, &account).await, 208);
    assert_eq!(service.payments(&account).await.len(), 1);
    service.assert_verifies().await;
}

async fn what_telegram_asks_first_is_refused_where_it_should_be(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let invoice = async |reference: &str, amount_stars: i64| {
        let parameters = json!({ "title": "x", "description": "x", "payload": reference, "provider_token": "",
            "currency": "XTR", "prices": [{ "label": "x", "amount": amount_stars }] });
        json!({ "confirmation_url": call_bot(&service, "createInvoiceLink", &parameters).await })
    };
    let refusal = async |order: &Value| {
        let pressed = service.confirm(order, "succeed").await.expect(200);
        assert_eq!(pressed["status"], "not_paid", "{pressed}");
        pressed["reason"].as_str().unwrap().to_owned()
    };
    let not_known = "This invoice is not known.";
    assert_eq!(refusal(&invoice("nobody", 208).await).await, not_known);

    let package = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    let rows = database.auditor().await.read("payments", &["reference"]).await;
    let reference = &rows[0][0];
    for amount_stars in [207, 209, 1] {
        assert_eq!(refusal(&invoice(reference, amount_stars).await).await, not_known);
    }
    service.confirm(&package, "succeed").await.expect(200);
    assert_eq!(refusal(&package).await, "This invoice has been paid or has ended. Please order again.");

    let closed = service.order_plan(&account, "basic", "telegram_stars").await.expect(201);
    let by_card = service.order_plan(&account, "basic", "yookassa").await.expect(201);
    assert_eq!(refusal(&closed).await, "This invoice has been paid or has ended. Please order again.");
    service.confirm(&by_card, "succeed").await.expect(200);

    // An order that nobody paid ends after a day, though the link stays.
    let forgotten = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    service.live_through(DAY_MS, DAY_MS / 2).await;
    assert_eq!(refusal(&forgotten).await, "This invoice has been paid or has ended. Please order again.");
    assert_eq!(tokens(&service, &account).await, (300, 100));
    assert_eq!(books::paid_times(&service, &account).await, 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_said_why() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let secret_of = |of: &str| (of == "telegram").then_some(WEBHOOK_SECRET);
    let deep = "[".repeat(100_000);
    let deep_object = r#"{"message":"#.repeat(20_000);
    for of in ["yookassa", "telegram"] {
        for body in ["", "x", "{", "[]", "null", "7", "\u{0}", "{}{}", deep.as_str(), deep_object.as_str()] {
            let reply = tell(&service, of, secret_of(of), body.to_owned()).await;
            refused(&reply, 400, "bad_request");
        }
        let not_utf8 = tell(&service, of, secret_of(of), b"\xff{}".to_vec()).await;
        refused(&not_utf8, 400, "bad_request");
        let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(256 * 1024));
        let reply = tell(&service, of, secret_of(of), huge).await;
        refused(&reply, 413, "payload_too_large");
        let path = format!("/api/v2/billing/notifications/{of}");
        refused(&send(service.request(Method::GET, &path, "")).await, 405, "method_not_allowed");
    }
    let long_id = "x".repeat(1_000);
    for body in [
        json!({}),
        json!({ "type": "notification" }),
        json!({ "type": "notification", "event": "payment.succeeded" }),
        json!({ "type": "notification", "event": "payment.succeeded", "object": {} }),
        json!({ "type": "notification", "event": "payment.succeeded", "object": { "id": 7 } }),
        json!({ "type": "notification", "event": "payment.succeeded", "object": { "id": "" } }),
        json!({ "type": "notification", "event": "payment.succeeded", "object": { "id": "../me" } }),
        json!({ "type": "notification", "event": "payment.succeeded", "object": { "id": long_id } }),
        json!({ "type": "notification", "event": "refund.succeeded", "object": { "id": "a" } }),
        json!({ "type": "order", "event": "payment.succeeded", "object": { "id": "a" } }),
    ] {
        wrong_fields(&tell(&service, "yookassa", None, body.to_string()).await, &["body"]);
    }
    let with = |field: &str, value: Value| {
        let mut update = paid_message(&json!("a"), 1);
        update["message"]["successful_payment"][field] = value;
        update
    };
    for body in [
        with("currency", json!("RUB")),
        with("total_amount", json!(-1)),
        with("total_amount", json!(1.5)),
        with("total_amount", json!(18_446_744_073_709_551_615_u64)),
        with("telegram_payment_charge_id", json!("")),
        with("subscription_expiration_date", json!(i64::MAX)),
        json!({ "pre_checkout_query": { "id": "1" } }),
        json!({ "message": { "refunded_payment": {} } }),
    ] {
        let reply = tell(&service, "telegram", Some(WEBHOOK_SECRET), body.to_string()).await;
        wrong_fields(&reply, &["body"]);
    }
    // What is none of our business is taken, so that it does not come again. A question that is too old has nobody to answer.
    let old = json!({ "id": "1", "from": { "id": 42 }, "currency": "XTR", "total_amount": 1, "invoice_payload": "a" });
    for body in [
        json!({}),
        json!({ "update_id": 1 }),
        json!({ "update_id": 1, "subscription": { "id": "new" } }),
        json!({ "message": { "text": "/start" } }),
        json!({ "update_id": 1, "pre_checkout_query": old }),
    ] {
        tell(&service, "telegram", Some(WEBHOOK_SECRET), body.to_string()).await.expect(200);
    }
}
