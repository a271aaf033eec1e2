//! Telegram: invoices, charges, subscriptions.

use crate::{
    bot::{Bot, PERIOD_MS, invoice, monthly},
    inbox::Inbox,
    lab::{check, fetch},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// 2026-11-22T00:00:00Z, in seconds.
const START_S: i64 = 1_795_305_600;

#[tokio::test]
async fn an_invoice_is_paid() {
    let bot = Bot::open().await;
    let link = bot.link(&json!({})).await;
    assert!(link.starts_with(&format!("http://{}/telegram/invoice/", bot.lab.sandbox.addr())), "{link}");
    let paid = bot.pay(&link, 42).await;
    let charge_id = &paid["telegram_payment_charge_id"];
    assert_eq!(paid, json!({"status": "succeeded", "telegram_payment_charge_id": charge_id, "user_id": 42}));

    let [query, message] = bot.updates().await.try_into().unwrap();
    check(
        &query,
        &[
            ("/pre_checkout_query/from/id", json!(42)),
            ("/pre_checkout_query/currency", json!("XTR")),
            ("/pre_checkout_query/total_amount", json!(445)),
            ("/pre_checkout_query/invoice_payload", json!("order-1")),
        ],
    );
    assert_eq!(message["update_id"].as_i64(), query["update_id"].as_i64().map(|id| id + 1));
    check(&message, &[("/message/date", json!(START_S)), ("/message/chat/id", json!(42))]);
    let payment = json!({
        "currency": "XTR",
        "total_amount": 445,
        "invoice_payload": "order-1",
        "telegram_payment_charge_id": charge_id,
        "provider_payment_charge_id": "42_0",
    });
    assert_eq!(message["message"]["successful_payment"], payment);
    assert_eq!(bot.result("getMyStarBalance", &json!({})).await, json!({"amount": 445}));

    // A link can be paid again, and by somebody else.
    let again = bot.pay(&link, 43).await;
    assert_ne!(&again["telegram_payment_charge_id"], charge_id);
}

#[tokio::test]
async fn the_bot_decides_whether_a_payment_goes_on() {
    let bot = Bot::replying(|_| None).await;
    let link = bot.link(&json!({})).await;
    for (refusal, outcome) in [(None, "succeeded"), (Some("Sold out"), "not_paid")] {
        let (paid, ()) = futures_util::future::join(bot.pay(&link, 42), async {
            let query = loop {
                match bot.inbox.take().pop() {
                    Some(note) => break note.json["pre_checkout_query"]["id"].clone(),
                    None => tokio::task::yield_now().await,
                }
            };
            let mut answer = json!({"pre_checkout_query_id": query, "ok": refusal.is_none()});
            if let Some(refusal) = refusal {
                let got = bot.refusal("answerPreCheckoutQuery", &answer).await;
                assert_eq!(got, (400, "Bad Request: parameter \"error_message\" is required".to_owned()));
                answer["error_message"] = json!(refusal);
            }
            assert_eq!(bot.result("answerPreCheckoutQuery", &answer).await, json!(true));
            let (status, why) = bot.refusal("answerPreCheckoutQuery", &answer).await;
            assert!(status == 400 && why.contains("query is too old"), "{why}");
        })
        .await;
        check(&paid, &[("/status", json!(outcome))]);
        assert_eq!(paid.get("reason"), refusal.map(Value::from).as_ref());
        assert_eq!(bot.payments().await.len(), usize::from(refusal.is_none()));
    }
}

#[tokio::test]
async fn nothing_is_paid_without_the_bot() {
    let bot = Bot::open().await;
    let link = bot.link(&json!({})).await;
    // Longer than it is repeated.
    bot.inbox.refuse(100);
    check(&bot.pay(&link, 42).await, &[("/status", json!("not_paid"))]);
    bot.inbox.refuse(0);
    bot.inbox.take();

    bot.result("setWebhook", &json!({"url": bot.inbox.url, "allowed_updates": ["message"]})).await;
    let outcome = bot.pay(&link, 42).await;
    assert!(outcome["reason"].as_str().unwrap().contains("takes no pre_checkout_query"), "{outcome}");
    assert_eq!(bot.inbox.take().len(), 0);
    bot.result("setWebhook", &json!({"url": ""})).await;
    check(&bot.pay(&link, 42).await, &[("/status", json!("not_paid"))]);
    assert_eq!(bot.result("getMyStarBalance", &json!({})).await, json!({"amount": 0}));
}

#[tokio::test]
async fn a_bot_that_does_not_answer_is_waited_for() {
    let bot = Bot::replying(|_| None).await;
    let link = bot.link(&json!({})).await;
    let asked_at = Instant::now();
    check(&bot.pay(&link, 42).await, &[("/reason", json!("the bot did not answer in time"))]);
    assert!(asked_at.elapsed() >= Duration::from_secs(10));
    let [query] = bot.updates().await.try_into().unwrap();
    let answer = json!({"pre_checkout_query_id": query["pre_checkout_query"]["id"], "ok": true});
    assert_eq!(bot.refusal("answerPreCheckoutQuery", &answer).await.0, 400);
    assert_eq!(bot.result("getMyStarBalance", &json!({})).await, json!({"amount": 0}));
}

#[tokio::test]
async fn a_payer_turns_away() {
    let bot = Bot::open().await;
    let link = bot.link(&json!({"title": "A & B"})).await;
    let page = fetch(bot.lab.client.get(&link)).await;
    assert!(page.body.contains("445 Stars") && page.body.contains("A &amp; B"), "{}", page.body);
    for _ in 0..2 {
        let got = fetch(bot.lab.client.post(format!("{link}/cancel"))).await;
        assert_eq!(got.json(), json!({"status": "canceled"}));
    }
    check(&bot.pay(&link, 42).await, &[("/status", json!("not_paid"))]);
    assert_eq!(bot.updates().await.len(), 0);
    let page = fetch(bot.lab.client.get(&link)).await;
    assert!(page.body.contains("canceled") && !page.body.contains("<form"), "{}", page.body);
    let gone = format!("http://{}/telegram/invoice/x", bot.lab.sandbox.addr());
    assert_eq!(fetch(bot.lab.client.get(&gone)).await.status, 404);
    assert_eq!(fetch(bot.lab.client.post(gone + "/succeed")).await.status, 404);
}

#[tokio::test]
async fn subscriptions_renew_by_themselves() {
    let bot = Bot::open().await;
    let link = bot.link(&monthly()).await;
    bot.pay(&link, 42).await;
    let first = bot.payments().await.remove(0);
    let expires_s = |periods: i64| json!(START_S + periods * PERIOD_MS / 1_000);
    check(
        &first,
        &[
            ("/is_recurring", json!(true)),
            ("/is_first_recurring", json!(true)),
            ("/subscription_expiration_date", expires_s(1)),
        ],
    );
    check(&bot.pay(&link, 42).await, &[("/reason", json!("the user is subscribed already"))]);
    check(&bot.pay(&link, 43).await, &[("/status", json!("succeeded"))]);
    bot.updates().await;

    bot.tick_after(PERIOD_MS - 1).await;
    assert_eq!(bot.payments().await.len(), 0);
    bot.tick_after(1).await;
    let renewals = bot.payments().await;
    assert_eq!(renewals.len(), 2);
    check(
        &renewals[0],
        &[
            ("/is_recurring", json!(true)),
            ("/invoice_payload", json!("order-1")),
            ("/total_amount", json!(445)),
            ("/subscription_expiration_date", expires_s(2)),
        ],
    );
    assert_eq!(renewals[0].get("is_first_recurring"), None);
    assert_ne!(renewals[0]["telegram_payment_charge_id"], first["telegram_payment_charge_id"]);
    // As often as the time is over.
    bot.tick_after(2 * PERIOD_MS).await;
    let renewals = bot.payments().await;
    assert_eq!(renewals.len(), 4);
    check(&renewals[1], &[("/subscription_expiration_date", expires_s(4))]);
}

#[tokio::test]
async fn subscriptions_stop_and_go_on() {
    let bot = Bot::open().await;
    let first = bot.charge(&monthly()).await;
    let edit = |charge_id: &str, is_canceled: bool| json!({"user_id": 42, "telegram_payment_charge_id": charge_id, "is_canceled": is_canceled});
    for is_canceled in [true, true, false] {
        assert_eq!(bot.result("editUserStarSubscription", &edit(&first, is_canceled)).await, json!(true));
    }
    bot.tick_after(PERIOD_MS).await;
    let renewal = bot.payments().await.remove(0)["telegram_payment_charge_id"].as_str().unwrap().to_owned();
    // Any of its charges names it.
    bot.result("editUserStarSubscription", &edit(&renewal, true)).await;
    bot.tick_after(PERIOD_MS).await;
    bot.result("editUserStarSubscription", &edit(&renewal, false)).await;
    bot.tick_after(PERIOD_MS).await;
    assert_eq!(bot.updates().await.len(), 0);

    let once = bot.charge(&json!({"payload": "order-2"})).await;
    for parameters in [
        edit(&once, true),
        edit("x", true),
        json!({"user_id": 43, "telegram_payment_charge_id": first, "is_canceled": true}),
    ] {
        let refusal = bot.refusal("editUserStarSubscription", &parameters).await;
        assert_eq!(refusal, (400, "Bad Request: CHARGE_NOT_FOUND".to_owned()), "{parameters}");
    }
}

#[tokio::test]
async fn a_user_without_stars_is_not_renewed() {
    let bot = Bot::open().await;
    bot.fault("declined").await;
    let link = bot.link(&monthly()).await;
    check(&bot.pay(&link, 42).await, &[("/reason", json!("the user has not enough Stars"))]);
    bot.pay(&link, 42).await;
    bot.updates().await;
    bot.fault("declined").await;
    bot.tick_after(PERIOD_MS).await;
    bot.tick_after(PERIOD_MS).await;
    assert_eq!(bot.updates().await.len(), 0);
    // And can begin anew.
    check(&bot.pay(&link, 42).await, &[("/status", json!("succeeded"))]);
}

#[tokio::test]
async fn refunds_are_whole_and_once() {
    let bot = Bot::open().await;
    let charge_id = bot.charge(&json!({})).await;
    bot.clock.advance_ms(5_000);
    let refund = |user_id: i64, id: &str| json!({"user_id": user_id, "telegram_payment_charge_id": id});
    for parameters in [refund(43, &charge_id), refund(42, "x")] {
        let refusal = bot.refusal("refundStarPayment", &parameters).await;
        assert_eq!(refusal, (400, "Bad Request: CHARGE_NOT_FOUND".to_owned()));
    }
    assert_eq!(bot.result("refundStarPayment", &refund(42, &charge_id)).await, json!(true));
    let refusal = bot.refusal("refundStarPayment", &refund(42, &charge_id)).await;
    assert_eq!(refusal, (400, "Bad Request: CHARGE_ALREADY_REFUNDED".to_owned()));
    let [update] = bot.updates().await.try_into().unwrap();
    check(
        &update["message"]["refunded_payment"],
        &[
            ("/currency", json!("XTR")),
            ("/total_amount", json!(445)),
            ("/invoice_payload", json!("order-1")),
            ("/telegram_payment_charge_id", json!(charge_id)),
        ],
    );
    let other = bot.charge(&json!({"payload": "order-2", "subscription_period": 2_592_000})).await;
    assert_eq!(bot.result("getMyStarBalance", &json!({})).await, json!({"amount": 445}));

    let listed = bot.result("getStarTransactions", &json!({})).await;
    let [first, refund, second] = listed["transactions"].as_array().unwrap().clone().try_into().unwrap();
    let source = json!({
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": {"id": 42, "is_bot": false, "first_name": "Payer"},
        "invoice_payload": "order-1",
    });
    assert_eq!(first, json!({"id": charge_id, "amount": 445, "date": START_S, "source": source}));
    assert_eq!(refund, json!({"id": charge_id, "amount": 445, "date": START_S + 5, "receiver": source}));
    check(&second, &[("/id", json!(other)), ("/source/subscription_period", json!(2_592_000))]);
    let page = bot.result("getStarTransactions", &json!({"offset": "1", "limit": 1})).await;
    assert_eq!(page["transactions"], json!([refund]));
    for parameters in
        [json!({"limit": 0}), json!({"limit": 101}), json!({"offset": -1}), json!({"limit": "x"})]
    {
        assert_eq!(bot.refusal("getStarTransactions", &parameters).await.0, 400, "{parameters}");
    }
}

#[tokio::test]
async fn invoices_that_are_refused() {
    let bot = Bot::open().await;
    let price = |amount: Value| json!({"prices": [{"label": "x", "amount": amount}]});
    let monthly =
        |amount: i64| json!({"prices": [{"label": "x", "amount": amount}], "subscription_period": 2_592_000});
    for (changes, words) in [
        (json!({"title": ""}), "parameter \"title\" is required"),
        (json!({"title": "x".repeat(33)}), "INVOICE_TITLE_INVALID"),
        (json!({"description": null}), "parameter \"description\" is required"),
        (json!({"description": "x".repeat(256)}), "INVOICE_DESCRIPTION_INVALID"),
        (json!({"payload": null}), "parameter \"payload\" is required"),
        // Bytes count, not letters.
        (json!({"payload": "ы".repeat(65)}), "INVOICE_PAYLOAD_INVALID"),
        (json!({"provider_token": "1:TEST"}), "PAYMENT_PROVIDER_INVALID"),
        (json!({"currency": "RUB"}), "CURRENCY_INVALID"),
        (json!({"prices": null}), "parameter \"prices\" is required"),
        (json!({"prices": []}), "STARS_INVOICE_INVALID"),
        (
            json!({"prices": [{"label": "a", "amount": 1}, {"label": "b", "amount": 1}]}),
            "STARS_INVOICE_INVALID",
        ),
        (json!({"prices": [{"amount": 1}]}), "label"),
        (json!({"prices": "not json"}), "can't parse prices"),
        (price(json!(0)), "CURRENCY_TOTAL_AMOUNT_INVALID"),
        (price(json!(1.5)), "amount"),
        (price(json!("1")), "amount"),
        (json!({"subscription_period": 2_592_001}), "SUBSCRIPTION_PERIOD_INVALID"),
        (monthly(10_001), "CURRENCY_TOTAL_AMOUNT_INVALID"),
        (json!({"max_tip_amount": 5}), "MAX_TIP_AMOUNT_INVALID"),
    ] {
        let (status, why) = bot.refusal("createInvoiceLink", &invoice(&changes)).await;
        assert!(status == 400 && why.contains(words), "{changes} gave {why}");
    }
    for changes in [
        json!({"title": "ы".repeat(32), "description": "ы".repeat(255), "payload": "x".repeat(128)}),
        json!({"provider_token": null}),
        price(json!(10_001)),
        monthly(10_000),
    ] {
        bot.link(&changes).await;
    }
}

#[tokio::test]
async fn calls_come_in_many_forms() {
    let bot = Bot::open().await;
    let post = |method: &str| bot.lab.client.post(bot.url(method));
    let prices = "[{\"label\":\"x\",\"amount\":5}]";
    let query =
        [("title", "x"), ("description", "x"), ("payload", "p"), ("currency", "XTR"), ("prices", prices)];
    let url = reqwest::Url::parse_with_params(&bot.url("createInvoiceLink"), query).unwrap();
    let encoded = url.query().unwrap().to_owned();
    let form =
        query.into_iter().fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(name, value));
    for request in [
        bot.lab.client.get(url.clone()),
        post("CREATEinvoiceLINK").header("content-type", "application/x-www-form-urlencoded").body(encoded),
        post("createInvoiceLink").multipart(form),
    ] {
        let got = fetch(request).await;
        assert!(got.status == 200 && got.json()["result"].is_string(), "{got:?}");
    }
    let base = bot.lab.sandbox.base_url("telegram").unwrap();
    for (path, status, description) in [
        ("/bot123:abc/sing", 404, "Not Found: method not found"),
        ("/bot:abc/getMyStarBalance", 404, "Not Found"),
        ("/bot12x:abc/getMyStarBalance", 404, "Not Found"),
        ("/bot123/getMyStarBalance", 404, "Not Found"),
        ("/123:abc/getMyStarBalance", 404, "Not Found"),
        ("/nothing", 404, "Not Found"),
    ] {
        let got = fetch(bot.lab.client.get(format!("{base}{path}"))).await;
        assert_eq!((got.status, &got.json()["description"]), (status, &json!(description)), "{path}");
    }
    let got = fetch(post("getMyStarBalance").header("content-type", "application/json").body("[1")).await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn a_webhook_is_set() {
    let bot = Bot::open().await;
    let other = Inbox::open().await;
    for parameters in [
        json!({"url": other.url, "secret_token": "no spaces"}),
        json!({"url": other.url, "secret_token": "x".repeat(257)}),
        json!({"url": other.url, "max_connections": 101}),
        json!({"url": "ftp://example.org"}),
    ] {
        assert_eq!(bot.refusal("setWebhook", &parameters).await.0, 400, "{parameters}");
    }
    let charge_id = bot.charge(&json!({})).await;
    bot.result("setWebhook", &json!({"url": other.url, "secret_token": "An0ther_-"})).await;
    let refund = json!({"user_id": 42, "telegram_payment_charge_id": charge_id});
    bot.result("refundStarPayment", &refund).await;
    assert_eq!(bot.updates().await.len(), 0);
    let [note] = other.take().try_into().unwrap();
    assert_eq!(note.headers["x-telegram-bot-api-secret-token"], "An0ther_-");
}
