//! YooKassa: the lives of payments.

use crate::{
    lab::{check, fetch},
    shop::{DAY_MS, MINUTE_MS, Shop, rub},
};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

#[tokio::test]
async fn a_payment_succeeds() {
    let shop = Shop::open().await;
    let payment = shop.pay(json!({})).await;
    let id = payment["id"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    check(
        &payment,
        &[
            ("/status", json!("pending")),
            ("/paid", json!(false)),
            ("/test", json!(true)),
            ("/amount", rub("890.00")),
            ("/metadata", json!({"payment_id": "7"})),
            ("/description", json!("Basic, a month")),
            ("/recipient/account_id", json!("100500")),
            ("/created_at", json!("2026-11-22T00:00:00.000Z")),
            ("/confirmation/type", json!("redirect")),
            ("/confirmation/return_url", json!("https://shop.example/back?a=1")),
        ],
    );
    assert_eq!(shop.events().await, []);
    let url = payment["confirmation"]["confirmation_url"].as_str().unwrap();
    let paid = fetch(shop.lab.client.post(format!("{url}/succeed"))).await.json();
    check(
        &paid,
        &[
            ("/status", json!("succeeded")),
            ("/paid", json!(true)),
            ("/refundable", json!(true)),
            ("/income_amount", rub("858.85")),
            ("/refunded_amount", rub("0.00")),
            ("/payment_method/type", json!("bank_card")),
            ("/payment_method/saved", json!(false)),
            ("/captured_at", json!("2026-11-22T00:00:00.000Z")),
        ],
    );
    assert_eq!(paid.get("confirmation"), None);
    assert_eq!(shop.payment(&payment).await, paid);
    shop.lab.sandbox.delivered().await;
    let notes: Vec<Value> = shop.inbox.take().into_iter().map(|note| note.json).collect();
    assert_eq!(notes, [json!({"type": "notification", "event": "payment.succeeded", "object": paid})]);

    // It is final, whatever is pressed, and nobody is told again.
    for button in ["succeed", "cancel"] {
        assert_eq!(shop.press(&payment, button).await, paid);
    }
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn a_payment_is_canceled_or_expires() {
    let shop = Shop::open().await;
    let left = shop.pay(json!({})).await;
    let forgotten = shop.pay(json!({})).await;
    shop.press(&left, "cancel").await;
    shop.tick_after(60 * MINUTE_MS - 1).await;
    check(&shop.payment(&forgotten).await, &[("/status", json!("pending"))]);
    shop.tick_after(1).await;
    for payment in [&left, &forgotten] {
        let payment = shop.payment(payment).await;
        check(
            &payment,
            &[
                ("/status", json!("canceled")),
                ("/paid", json!(false)),
                ("/cancellation_details", json!({"party": "yoo_money", "reason": "expired_on_confirmation"})),
            ],
        );
    }
    let canceled = |payment: &Value| ("payment.canceled".to_owned(), payment["id"].clone());
    assert_eq!(shop.events().await, [canceled(&left), canceled(&forgotten)]);
    check(&shop.press(&forgotten, "succeed").await, &[("/status", json!("canceled"))]);
}

#[tokio::test]
async fn people_are_led_back() {
    let shop = Shop::open().await;
    let browser = Client::builder().redirect(Policy::none()).build().unwrap();
    for (button, status) in [("succeed", "succeeded"), ("cancel", "canceled")] {
        let payment = shop.pay(json!({"description": "<b>&"})).await;
        let url = payment["confirmation"]["confirmation_url"].as_str().unwrap();
        let page = fetch(browser.get(url)).await;
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert!(page.body.contains("890.00 RUB") && page.body.contains("&lt;b&gt;&amp;"), "{}", page.body);
        let path = url.strip_prefix(&format!("http://{}", shop.lab.sandbox.addr())).unwrap();
        assert!(page.body.contains(&format!("action=\"{path}/{button}\"")), "{}", page.body);

        let press = browser.post(format!("{url}/{button}"));
        let form = "application/x-www-form-urlencoded";
        let got = fetch(press.header("accept", "text/html,*/*").header("content-type", form)).await;
        assert_eq!(
            (got.status, got.header("location")),
            (303, Some("https://shop.example/back?a=1")),
            "{got:?}"
        );
        check(&shop.payment(&payment).await, &[("/status", json!(status))]);
        let page = fetch(browser.get(url)).await;
        assert!(page.body.contains(status) && !page.body.contains("<form"), "{}", page.body);
    }
    let gone = format!("http://{}/yookassa/confirm/x", shop.lab.sandbox.addr());
    assert_eq!(fetch(browser.get(&gone)).await.status, 404);
    assert_eq!(fetch(browser.post(gone + "/succeed")).await.status, 404);
}

#[tokio::test]
async fn a_saved_method_is_charged_without_the_payer() {
    let shop = Shop::open().await;
    let first = shop.pay(json!({"save_payment_method": true})).await;
    let paid = shop.press(&first, "succeed").await;
    check(&paid, &[("/payment_method/saved", json!(true)), ("/payment_method/status", json!("active"))]);
    let method_id = paid["payment_method"]["id"].as_str().unwrap();
    shop.events().await;

    let charge = shop.charge(method_id).await;
    check(
        &charge,
        &[("/status", json!("succeeded")), ("/paid", json!(true)), ("/payment_method/id", json!(method_id))],
    );
    assert_eq!(charge.get("confirmation"), None);
    assert_ne!(charge["id"], first["id"]);
    assert_eq!(shop.events().await, [("payment.succeeded".to_owned(), charge["id"].clone())]);
}

#[tokio::test]
async fn the_payer_has_a_say_about_saving() {
    let shop = Shop::open().await;
    for (wanted, said, saved) in [
        (json!(true), json!({"save": false}), false),
        (json!(null), json!({"save": true}), true),
        (json!(null), json!({}), false),
        (json!(true), json!({}), true),
    ] {
        let payment = shop.pay(json!({"save_payment_method": wanted})).await;
        let url = format!("{}/succeed", payment["confirmation"]["confirmation_url"].as_str().unwrap());
        let paid = fetch(shop.lab.client.post(&url).body(said.to_string())).await.json();
        check(&paid, &[("/payment_method/saved", json!(saved))]);
        let body = json!({"amount": rub("1.00"), "capture": true, "payment_method_id": payment["id"]});
        assert_eq!(shop.post("/payments", &body).await.status == 200, saved);
    }
    let payment = shop.pay(json!({})).await;
    let url = format!("{}/succeed", payment["confirmation"]["confirmation_url"].as_str().unwrap());
    assert_eq!(fetch(shop.lab.client.post(&url).body("yes")).await.status, 422);
}

#[tokio::test]
async fn money_that_is_held_waits_for_the_shop() {
    let shop = Shop::open().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let payment = shop.pay(json!({"capture": null})).await;
        let payment = shop.press(&payment, "succeed").await;
        check(
            &payment,
            &[
                ("/status", json!("waiting_for_capture")),
                ("/paid", json!(true)),
                ("/refundable", json!(false)),
                ("/expires_at", json!("2026-11-29T00:00:00.000Z")),
            ],
        );
        held.push(payment["id"].as_str().unwrap().to_owned());
    }
    let [captured, canceled, forgotten] = [0, 1, 2].map(|index| held[index].as_str());
    let capture = format!("/payments/{captured}/capture");
    assert_eq!(shop.post(&capture, &json!({"amount": rub("1.00")})).await.status, 400);
    let got = shop.post(&capture, &json!({"amount": rub("890.00")})).await;
    check(&got.json(), &[("/status", json!("succeeded"))]);
    assert_eq!(shop.post(&capture, &json!({})).await.status, 400);
    let got = shop.post(&format!("/payments/{canceled}/cancel"), &json!({})).await;
    check(&got.json(), &[("/cancellation_details/reason", json!("canceled_by_merchant"))]);
    shop.tick_after(7 * DAY_MS).await;
    check(
        &shop.get(&format!("/payments/{forgotten}")).await.json(),
        &[("/cancellation_details/reason", json!("expired_on_capture"))],
    );
    let events: Vec<String> = shop.events().await.into_iter().map(|(event, _)| event).collect();
    let waiting = "payment.waiting_for_capture";
    assert_eq!(
        events,
        [waiting, waiting, waiting, "payment.succeeded", "payment.canceled", "payment.canceled"]
    );
}

#[tokio::test]
async fn refunds_add_up_to_the_payment_at_most() {
    let shop = Shop::open().await;
    let payment = shop.pay(json!({})).await;
    let refund =
        |value: &str| json!({"payment_id": payment["id"], "amount": rub(value), "description": "sorry"});
    assert_eq!(shop.post("/refunds", &refund("1.00")).await.status, 400, "not paid yet");
    shop.press(&payment, "succeed").await;
    shop.events().await;

    let first = shop.post("/refunds", &refund("400.00")).await.json();
    check(
        &first,
        &[
            ("/status", json!("succeeded")),
            ("/payment_id", payment["id"].clone()),
            ("/amount", rub("400.00")),
            ("/created_at", json!("2026-11-22T00:00:00.000Z")),
        ],
    );
    let got = shop.post("/refunds", &refund("490.01")).await;
    assert_eq!((got.status, got.json()["parameter"].clone()), (400, json!("amount")));
    let second = shop.post("/refunds", &refund("490.00")).await.json();
    check(
        &shop.payment(&payment).await,
        &[
            ("/status", json!("succeeded")),
            ("/refunded_amount", rub("890.00")),
            ("/refundable", json!(false)),
        ],
    );
    assert_eq!(shop.post("/refunds", &refund("0.01")).await.status, 400);
    let told = |refund: &Value| ("refund.succeeded".to_owned(), refund["id"].clone());
    assert_eq!(shop.events().await, [told(&first), told(&second)]);
    let path = format!("/refunds/{}", first["id"].as_str().unwrap());
    assert_eq!(shop.get(&path).await.json(), first);
    let listed = shop.get(&format!("/refunds?payment_id={}", payment["id"].as_str().unwrap())).await.json();
    assert_eq!(listed["items"], json!([second, first]));
    assert_eq!(shop.get("/refunds?payment_id=x").await.json()["items"], json!([]));
    let got = shop.post("/refunds", &json!({"payment_id": "x", "amount": rub("1.00")})).await;
    assert_eq!((got.status, got.json()["parameter"].clone()), (400, json!("payment_id")));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for minute in 0..5 {
        let payment = shop.pay(json!({})).await;
        ids.push(payment["id"].clone());
        if minute % 2 == 0 {
            shop.press(&payment, "succeed").await;
        }
        shop.clock.advance_ms(MINUTE_MS);
    }
    let at = |minute: usize| format!("2026-11-22T00:0{minute}:00.000Z");
    for (filter, expected) in [
        (String::new(), vec![4, 3, 2, 1, 0]),
        (format!("?created_at.gte={}&created_at.lt={}", at(1), at(3)), vec![2, 1]),
        (format!("?created_at.gt={}&created_at.lte={}", at(1), at(3)), vec![3, 2]),
        // A plus in a query is a space, so a zone is written encoded.
        ("?created_at.gte=2026-11-22T03:03:00%2B03:00".to_owned(), vec![4, 3]),
        (format!("?captured_at.gte={}", at(1)), vec![4, 2]),
        ("?status=succeeded".to_owned(), vec![4, 2, 0]),
        ("?payment_method=bank_card".to_owned(), vec![4, 2, 0]),
        ("?status=canceled".to_owned(), vec![]),
    ] {
        let listed = shop.get(&format!("/payments{filter}")).await.json();
        check(&listed, &[("/type", json!("list"))]);
        let found: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
        assert_eq!(
            found,
            expected.into_iter().map(|index: usize| &ids[index]).collect::<Vec<_>>(),
            "{filter}"
        );
        assert_eq!(listed.get("next_cursor"), None);
    }

    let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = shop.get(&format!("/payments{query}")).await.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        // What comes between two pages moves neither.
        shop.pay(json!({})).await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    ids.reverse();
    assert_eq!(found, ids);

    for filter in ["limit=0", "limit=101", "cursor=x", "created_at.gte=today", "created_at=x", "color=red"] {
        let got = shop.get(&format!("/payments?{filter}")).await;
        let name = filter.split_once('=').unwrap().0;
        assert_eq!((got.status, got.json()["parameter"].clone()), (400, json!(name)), "{got:?}");
    }
}

#[tokio::test]
async fn keys_make_repeats_harmless() {
    let shop = Shop::open().await;
    let body = crate::shop::order(&json!({}));
    let first = shop.post_with("k", "/payments", &body).await;
    shop.press(&first.json(), "succeed").await;
    let again = shop.post_with("k", "/payments", &body).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    for (path, body) in [
        ("/payments", crate::shop::order(&json!({"description": "other"}))),
        ("/refunds", json!({"payment_id": first.json()["id"], "amount": rub("1.00")})),
    ] {
        let got = shop.post_with("k", path, &body).await;
        assert_eq!(got.status, 400, "{got:?}");
        check(&got.json(), &[("/code", json!("invalid_request")), ("/parameter", json!("Idempotence-Key"))]);
    }
    // At the same time, too.
    let repeats = (0..8).map(|_| shop.post_with("parallel", "/payments", &body));
    let answers = futures_util::future::join_all(repeats).await;
    assert!(answers.iter().all(|got| got.json() == answers[0].json()));

    shop.tick_after(DAY_MS).await;
    let later = shop.post_with("k", "/payments", &body).await.json();
    assert_ne!(later["id"], first.json()["id"]);
    let listed = shop.get("/payments?limit=100").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_shop_is_shown() {
    let shop = Shop::open().await;
    let me = shop.get("/me").await.json();
    check(
        &me,
        &[("/account_id", json!("100500")), ("/test", json!(true)), ("/fiscalization/enabled", json!(false))],
    );
    assert_eq!(fetch(shop.request(Method::DELETE, "/me")).await.status, 405);
    check(&shop.get("/nothing").await.json(), &[("/type", json!("error")), ("/code", json!("not_found"))]);
}
