//! What can be made to go wrong with payments.

use crate::{
    bot::{Bot, SECRET, monthly},
    lab::{Lab, check, fetch},
    shop::{Shop, order, rub},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

#[tokio::test]
async fn charges_are_declined() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    shop.fault("declined", 2).await;
    let insufficient = json!({"party": "payment_network", "reason": "insufficient_funds"});
    // A payer who has not confirmed yet is not charged.
    let payment = shop.pay(json!({})).await;
    check(&payment, &[("/status", json!("pending"))]);
    let charge = shop.charge(&method_id).await;
    for canceled in [&charge, &shop.press(&payment, "succeed").await] {
        check(
            canceled,
            &[
                ("/status", json!("canceled")),
                ("/cancellation_details", insufficient.clone()),
                ("/paid", json!(false)),
            ],
        );
    }
    check(&shop.charge(&method_id).await, &[("/status", json!("succeeded"))]);
    let events: Vec<String> = shop.events().await.into_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["payment.canceled", "payment.canceled", "payment.succeeded"]);
}

#[tokio::test]
async fn a_revoked_method_stays_revoked() {
    let shop = Shop::open().await;
    let (revoked, other) = (shop.saved_method().await, shop.saved_method().await);
    shop.fault("method-revoked", 1).await;
    for _ in 0..2 {
        check(
            &shop.charge(&revoked).await,
            &[("/status", json!("canceled")), ("/cancellation_details/reason", json!("permission_revoked"))],
        );
    }
    check(&shop.charge(&other).await, &[("/status", json!("succeeded"))]);
}

#[tokio::test]
async fn a_charge_waits_for_the_payer() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    shop.fault("3ds-pending", 3).await;
    for (button, status, reason) in
        [("succeed", "succeeded", json!(null)), ("cancel", "canceled", json!("3d_secure_failed"))]
    {
        let charge = shop.charge(&method_id).await;
        check(&charge, &[("/status", json!("pending")), ("/payment_method/id", json!(method_id))]);
        let ended = shop.press(&charge, button).await;
        check(&ended, &[("/status", json!(status))]);
        assert_eq!(ended["cancellation_details"]["reason"], reason);
    }
    let charge = shop.charge(&method_id).await;
    shop.events().await;
    shop.tick_after(3_600_000).await;
    assert_eq!(shop.events().await, [("payment.canceled".to_owned(), charge["id"].clone())]);
}

#[tokio::test]
async fn a_refund_does_not_arrive() {
    let shop = Shop::open().await;
    let payment = shop.pay(json!({})).await;
    shop.press(&payment, "succeed").await;
    shop.events().await;
    shop.fault("refund-declined", 1).await;
    let body = json!({"payment_id": payment["id"], "amount": rub("890.00")});
    let refund = shop.post("/refunds", &body).await.json();
    check(
        &refund,
        &[("/status", json!("canceled")), ("/cancellation_details/reason", json!("rejected_by_payee"))],
    );
    check(&shop.payment(&payment).await, &[("/refunded_amount", rub("0.00"))]);
    assert_eq!(shop.events().await, []);
    check(&shop.post("/refunds", &body).await.json(), &[("/status", json!("succeeded"))]);
}

#[tokio::test]
async fn answers_fail_and_nothing_is_made() {
    let shop = Shop::open().await;
    let body = order(&json!({}));
    for (fault, status, code) in [
        ("500", 500, "internal_server_error"),
        ("429", 429, "too_many_requests"),
        ("401", 401, "invalid_credentials"),
        ("overloaded", 503, "internal_server_error"),
    ] {
        shop.fault(fault, 1).await;
        // A wrong request meets no fault.
        assert_eq!(shop.post_with("k", "/payments", &json!({})).await.status, 400);
        let got = shop.post_with("k", "/payments", &body).await;
        assert_eq!((got.status, got.json()["code"].clone()), (status, json!(code)), "{fault}");
        shop.fault(fault, 1).await;
        assert_eq!(shop.get("/me").await.status, status, "{fault} strikes what only looks, too");
    }
    assert_eq!(shop.get("/payments").await.json()["items"], json!([]));
    // No key was used up.
    assert_eq!(shop.post_with("k", "/payments", &body).await.status, 200);
}

#[tokio::test]
async fn answers_fail_although_it_was_made() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    let body = json!({"amount": rub("890.00"), "capture": true, "payment_method_id": method_id});
    for fault in ["500-made", "malformed", "cut", "hang"] {
        shop.fault(fault, 1).await;
        if fault == "500-made" {
            assert_eq!(shop.get("/me").await.status, 200, "it waits for something to be made");
        }
        let request = tokio::spawn(shop.post_request("/payments", fault, &body).send());
        let told = loop {
            match shop.events().await.pop() {
                Some(event) => break event,
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(told.0, "payment.succeeded");
        if fault == "hang" {
            assert!(!request.is_finished());
            request.abort();
        } else {
            let response = request.await.unwrap().unwrap();
            let status = response.status().as_u16();
            let answer = response.bytes().await.ok();
            let answer = answer.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            assert_eq!(
                (status == 500, answer.is_some()),
                (fault == "500-made", fault == "500-made"),
                "{fault}"
            );
        }
        // The same key gives what was made, once.
        let again = shop.post_with(fault, "/payments", &body).await.json();
        assert_eq!((&again["id"], &again["status"]), (&told.1, &json!("succeeded")), "{fault}");
    }
    assert_eq!(shop.get("/payments").await.json()["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn notifications_go_astray() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    let charges = async || {
        let (first, second) = (shop.charge(&method_id).await, shop.charge(&method_id).await);
        [first["id"].clone(), second["id"].clone()]
    };
    let told = async || shop.events().await.into_iter().map(|(_, id)| id).collect::<Vec<_>>();

    shop.fault("notify-lost", 1).await;
    let [_, second] = charges().await;
    assert_eq!(told().await, [second]);
    shop.fault("notify-duplicate", 1).await;
    let [first, second] = charges().await;
    assert_eq!(told().await, [first.clone(), first, second]);
    shop.fault("notify-late", 1).await;
    let [first, second] = charges().await;
    assert_eq!(told().await, [second]);
    shop.tick_after(0).await;
    assert_eq!(told().await, [first]);
    shop.fault("notify-reordered", 1).await;
    let [first, second] = charges().await;
    assert_eq!(told().await, [second, first]);
    // Nothing comes after it, so the tick lets it go.
    shop.fault("notify-reordered", 1).await;
    let charge = shop.charge(&method_id).await;
    assert!(told().await.is_empty());
    shop.tick_after(0).await;
    assert_eq!(told().await, [charge["id"].clone()]);
}

#[tokio::test]
async fn notifications_are_forged() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    shop.fault("notify-forged", 2).await;
    let charge = shop.charge(&method_id).await;
    let [(_, forged), (_, genuine)] = shop.events().await.try_into().unwrap();
    assert_eq!(genuine, charge["id"]);
    assert_eq!(shop.get(&format!("/payments/{}", forged.as_str().unwrap())).await.status, 404);

    // Of a payment that was canceled it says that it went well.
    let payment = shop.pay(json!({})).await;
    shop.press(&payment, "cancel").await;
    let events = shop.events().await;
    let id = payment["id"].clone();
    assert_eq!(events, [("payment.succeeded".to_owned(), id.clone()), ("payment.canceled".to_owned(), id)]);

    let bot = Bot::open().await;
    bot.fault("notify-forged").await;
    let link = bot.link(&json!({})).await;
    let paid = bot.pay(&link, 42).await;
    bot.lab.sandbox.delivered().await;
    let [_, forged, genuine] = bot.inbox.take().try_into().unwrap();
    assert_eq!(genuine.headers["x-telegram-bot-api-secret-token"], SECRET);
    assert_ne!(forged.headers["x-telegram-bot-api-secret-token"], SECRET);
    assert_eq!(forged.json["update_id"], genuine.json["update_id"]);
    let charge_id = "/message/successful_payment/telegram_payment_charge_id";
    check(&genuine.json, &[(charge_id, paid["telegram_payment_charge_id"].clone())]);
    assert_ne!(forged.json.pointer(charge_id), genuine.json.pointer(charge_id));
}

#[tokio::test]
async fn notifications_are_repeated_until_they_are_taken() {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    shop.inbox.refuse(2);
    let charges = [shop.charge(&method_id).await, shop.charge(&method_id).await];
    let ids: Vec<Value> = shop.events().await.into_iter().map(|(_, id)| id).collect();
    let [first, second] = charges.map(|charge| charge["id"].clone());
    assert_eq!(ids, [first.clone(), first.clone(), first, second], "the next one waits");
    let shown = fetch(shop.lab.client.get(shop.lab.control_url())).await.json();
    check(
        &shown["yookassa"]["notifications"],
        &[("/delivered", json!(3)), ("/given_up", json!(0)), ("/under_way", json!(0))],
    );
}

#[tokio::test]
async fn telegram_fails_too() {
    let bot = Bot::open().await;
    let charge_id = bot.charge(&monthly()).await;
    for (fault, status, description) in [
        ("500", 500, "Internal Server Error"),
        ("401", 401, "Unauthorized"),
        ("429", 429, "Too Many Requests: retry after 1"),
        ("overloaded", 502, "Bad Gateway"),
    ] {
        bot.fault(fault).await;
        let refusal = bot.refusal("getMyStarBalance", &json!({})).await;
        assert_eq!(refusal, (status, description.to_owned()));
    }
    bot.fault("429").await;
    let got = bot.call("getMyStarBalance", &json!({})).await;
    assert_eq!(got.header("retry-after"), Some("1"));
    check(&got.json(), &[("/parameters/retry_after", json!(1))]);

    let refund = json!({"user_id": 42, "telegram_payment_charge_id": charge_id});
    bot.fault("500-made").await;
    bot.result("getMyStarBalance", &json!({})).await;
    assert_eq!(bot.refusal("refundStarPayment", &refund).await.0, 500);
    let (_, why) = bot.refusal("refundStarPayment", &refund).await;
    assert!(why.contains("CHARGE_ALREADY_REFUNDED"), "{why}");
    assert_eq!(bot.updates().await.len(), 1);
}

#[tokio::test]
async fn answers_are_delayed() {
    let shop = Shop::open().await;
    shop.fault("delay:120", 1).await;
    let asked_at = std::time::Instant::now();
    shop.get("/me").await;
    assert!(asked_at.elapsed() >= Duration::from_millis(120));
}

/// How a run of charges goes with these rates.
async fn outcomes(seed: u64, rates: &[(&str, u32)]) -> Vec<String> {
    let shop = Shop::open().await;
    let method_id = shop.saved_method().await;
    let rates: BTreeMap<&str, u32> = rates.iter().copied().collect();
    let set = shop.lab.control(&json!({"service": "yookassa", "seed": seed, "rates": rates})).await;
    assert_eq!(set.json(), json!({"service": "yookassa", "seed": seed, "rates": rates}));
    let body = json!({"amount": rub("890.00"), "capture": true, "payment_method_id": method_id});
    let mut outcomes = Vec::new();
    for _ in 0..60 {
        let got = shop.post("/payments", &body).await;
        // Looking is not an occasion.
        assert_eq!(shop.get("/me").await.status, 200);
        let told = shop.events().await.len();
        let status = if got.status == 200 { got.json()["status"].clone() } else { json!(got.status) };
        outcomes.push(format!("{status} {told}"));
    }
    outcomes
}

#[tokio::test]
async fn chance_is_reproducible() {
    let rates = [("declined", 200), ("500-made", 100), ("500", 100), ("notify-lost", 150)];
    let first = outcomes(7, &rates).await;
    assert_eq!(outcomes(7, &rates).await, first);
    assert_ne!(outcomes(8, &rates).await, first);
    let seen = |words: &str| first.iter().filter(|outcome| outcome.starts_with(words)).count();
    for outcome in ["\"succeeded\" 1", "\"canceled\" 1", "500 0", "500 1"] {
        assert!(seen(outcome) > 0, "no {outcome} in {first:?}");
    }
    assert!(seen("\"succeeded\" 1") > 15, "{first:?}");
    // Draws at one stage leave those at another alone.
    let declined = outcomes(7, &[("declined", 200)]).await;
    let with_lost = outcomes(7, &[("declined", 200), ("notify-lost", 500)]).await;
    let statuses = |run: Vec<String>| -> Vec<String> {
        run.iter().map(|outcome| outcome.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_ne!(declined, with_lost);
    assert_eq!(statuses(declined), statuses(with_lost));
}

#[tokio::test]
async fn rates_are_checked() {
    let lab = Lab::start().await;
    let rates =
        |pairs: &[(&str, u32)]| pairs.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
    for (service, pairs, words) in [
        ("yookassa", vec![("sneeze", 1)], "sneeze"),
        ("telegram", vec![("3ds-pending", 1)], "3ds-pending"),
        ("yookassa", vec![("declined", 600), ("3ds-pending", 401)], "1001"),
        ("openai", vec![("500", 1)], "openai"),
    ] {
        let error = lab.sandbox.set_rates(service, 1, &rates(&pairs)).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    // Stages are counted apart.
    lab.sandbox.set_rates("yookassa", 1, &rates(&[("declined", 1000), ("notify-lost", 1000)])).unwrap();
}
