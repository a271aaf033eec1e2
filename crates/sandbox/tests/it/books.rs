//! The books of payment services, as an independent model sees them, and who else controls them.

use crate::{
    bot::{Bot, monthly},
    inbox::Inbox,
    lab::{Lab, check, fetch},
    shop::{Shop, rub},
};
use serde_json::{Value, json};

async fn books(lab: &Lab) -> Value {
    fetch(lab.client.get(lab.control_url() + "/payments")).await.json()
}

#[tokio::test]
async fn every_payment_and_refund_is_listed() {
    let shop = Shop::open().await;
    let paid = shop.pay(json!({"save_payment_method": true})).await;
    shop.press(&paid, "succeed").await;
    let left = shop.pay(json!({})).await;
    shop.press(&left, "cancel").await;
    let open = shop.pay(json!({})).await;
    shop.post("/refunds", &json!({"payment_id": paid["id"], "amount": rub("90.00")})).await;

    let listed = books(&shop.lab).await;
    let statuses: Vec<_> = listed["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payment| (&payment["id"], &payment["status"]))
        .collect();
    let expected = [(&paid, "succeeded"), (&left, "canceled"), (&open, "pending")];
    assert_eq!(
        statuses.into_iter().map(|(id, status)| (id, status.as_str().unwrap())).collect::<Vec<_>>(),
        expected.map(|(payment, status)| (&payment["id"], status))
    );
    check(
        &listed["payments"][0],
        &[
            ("/service", json!("yookassa")),
            ("/amount", rub("890.00")),
            ("/amount_minor", json!(89_000)),
            ("/refunded_minor", json!(9_000)),
            ("/reference", json!("key-0")),
            ("/metadata/payment_id", json!("7")),
            ("/saved_method_id", paid["id"].clone()),
            ("/confirmation_url", paid["confirmation"]["confirmation_url"].clone()),
        ],
    );
    check(
        &listed["payments"][1],
        &[
            ("/saved_method_id", json!(null)),
            ("/cancellation_details/reason", json!("expired_on_confirmation")),
        ],
    );
    check(
        &listed["refunds"][0],
        &[
            ("/payment_id", paid["id"].clone()),
            ("/status", json!("succeeded")),
            ("/amount_minor", json!(9_000)),
            ("/reference", json!("key-3")),
        ],
    );
    let shown = fetch(shop.lab.client.get(shop.lab.control_url())).await.json();
    check(
        &shown["yookassa"],
        &[
            ("/requests", json!(4)),
            ("/pending", json!([])),
            ("/payments", json!({"succeeded": 1, "canceled": 1, "pending": 1})),
            ("/refunds", json!({"succeeded": 1})),
        ],
    );
}

#[tokio::test]
async fn every_charge_in_stars_is_listed() {
    let bot = Bot::open().await;
    let charge_id = bot.charge(&monthly()).await;
    let refund = json!({"user_id": 42, "telegram_payment_charge_id": charge_id});
    bot.result("refundStarPayment", &refund).await;
    let listed = books(&bot.lab).await;
    check(
        &listed,
        &[
            ("/payments/0/service", json!("telegram")),
            ("/payments/0/id", json!(charge_id)),
            ("/payments/0/amount_minor", json!(445)),
            ("/payments/0/refunded_minor", json!(445)),
            ("/payments/0/reference", json!("order-1")),
            ("/payments/0/user_id", json!(42)),
            ("/payments/0/subscription/expires_at", json!("2026-12-22T00:00:00.000Z")),
            ("/payments/0/subscription/is_canceled", json!(false)),
            ("/refunds/0/payment_id", json!(charge_id)),
            ("/refunds/0/amount", json!({"value": "445", "currency": "XTR"})),
        ],
    );
}

#[tokio::test]
async fn notifications_are_sent_where_control_says() {
    let shop = Shop::open().await;
    let other = Inbox::open().await;
    let set = shop.lab.control(&json!({"service": "yookassa", "notify_url": other.url})).await;
    assert_eq!(set.json(), json!({"service": "yookassa", "notify_url": other.url}));
    let pay = async || {
        let payment = shop.pay(json!({})).await;
        shop.press(&payment, "succeed").await;
        shop.lab.sandbox.delivered().await;
    };
    pay().await;
    assert_eq!((other.take().len(), shop.inbox.take().len()), (1, 0));
    shop.lab.control(&json!({"service": "yookassa", "notify_url": ""})).await;
    pay().await;
    assert_eq!((other.take().len(), shop.inbox.take().len()), (0, 0));
}

#[tokio::test]
async fn control_ticks_and_sets_secrets() {
    let bot = Bot::open().await;
    bot.charge(&monthly()).await;
    bot.clock.advance_ms(crate::bot::PERIOD_MS);
    let command = json!({"service": "telegram", "notify_url": bot.inbox.url, "secret_token": "new"});
    assert_eq!(bot.lab.control(&command).await.status, 200);
    let got = bot.lab.control(&json!({"service": "telegram", "action": "tick"})).await;
    assert_eq!(got.json(), json!({"service": "telegram", "action": "tick"}));
    bot.lab.sandbox.delivered().await;
    let [note] = bot.inbox.take().try_into().unwrap();
    assert_eq!(note.headers["x-telegram-bot-api-secret-token"], "new");
}

#[tokio::test]
async fn wrong_commands_are_told_what_is_allowed() {
    let lab = Lab::start().await;
    for (command, allowed_fault, unknown_fault) in [
        (json!({"service": "yookassa", "fault": "refuse"}), "3ds-pending", "refuse"),
        (json!({"service": "telegram", "fault": "3ds-pending"}), "notify-late", "3ds-pending"),
        (json!({"service": "telegram", "fault": "declined", "times": 0}), "declined", "method-revoked"),
        (json!({"service": "openai", "fault": "declined"}), "refuse", "declined"),
        (json!({"service": "telegram", "action": "sing"}), "declined", "method-revoked"),
        (json!({"service": "openai", "action": "tick"}), "refuse", "declined"),
        (json!({"service": "yookassa", "notify_url": "https://shop.example"}), "declined", "refuse"),
        (json!({"service": "yookassa", "seed": 1, "rates": {"refuse": 1}}), "declined", "refuse"),
        (json!({"service": "acme", "seed": 1, "rates": {}}), "refuse", "declined"),
    ] {
        let got = lab.control(&command).await;
        assert_eq!(got.status, 422, "{command}: {got:?}");
        let faults = got.json()["allowed"]["fault"].as_array().unwrap().clone();
        assert!(faults.contains(&json!(allowed_fault)), "{command}: {faults:?}");
        assert!(!faults.contains(&json!(unknown_fault)), "{command}: {faults:?}");
    }
}

#[tokio::test]
async fn without_a_clock_what_is_due_is_done_by_itself() {
    let lab = Lab::start().await;
    let inbox = Inbox::open().await;
    lab.control(&json!({"service": "yookassa", "notify_url": inbox.url})).await;
    lab.control(&json!({"service": "yookassa", "fault": "notify-late"})).await;
    let url = lab.sandbox.base_url("yookassa").unwrap() + "/payments";
    let request = lab.client.post(url).basic_auth("1", Some("k")).header("idempotence-key", "k");
    let body = crate::shop::order(&json!({})).to_string();
    let payment = fetch(request.header("content-type", "application/json").body(body)).await.json();
    let page = payment["confirmation"]["confirmation_url"].as_str().unwrap();
    assert_eq!(fetch(lab.client.post(format!("{page}/succeed"))).await.status, 200);
    while inbox.take().is_empty() {
        tokio::task::yield_now().await;
    }
}
