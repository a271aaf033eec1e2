//! What YooKassa refuses, and how it says so.

use crate::{
    lab::{check, fetch},
    shop::{Shop, order, rub},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A receipt with changes to it and to its one item.
fn receipt(changes: Value, item_changes: Value) -> Value {
    let mut item = json!({
        "description": "Basic, a month",
        "quantity": "1.00",
        "amount": rub("890.00"),
        "vat_code": 1,
        "payment_subject": "service",
        "payment_mode": "full_payment",
    });
    item.as_object_mut().unwrap().extend(item_changes.as_object().unwrap().clone());
    let mut receipt = json!({"customer": {"email": "a@example.org"}, "items": [item], "tax_system_code": 1});
    receipt.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"receipt": receipt})
}

async fn check_refused(shop: &Shop, path: &str, body: &Value, parameter: &str) {
    let got = shop.post(path, body).await;
    assert_eq!(got.status, 400, "{body} gave {got:?}");
    check(
        &got.json(),
        &[("/type", json!("error")), ("/code", json!("invalid_request")), ("/parameter", json!(parameter))],
    );
    assert_eq!(got.json()["id"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn payments() {
    let shop = Shop::open().await;
    let to = |confirmation: Value| json!({"confirmation": confirmation});
    let metadata = |name: &str, value: Value| {
        let mut map = serde_json::Map::new();
        map.insert(name.to_owned(), value);
        json!({"metadata": map})
    };
    let many: Value =
        (0..17).map(|index| (index.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (changes, parameter) in [
        (json!({"amount": null}), "amount"),
        (json!({"amount": "890.00"}), "amount"),
        (json!({"amount": {"value": "890.00"}}), "amount.currency"),
        (json!({"amount": {"value": 890, "currency": "RUB"}}), "amount.value"),
        (json!({"amount": rub("890")}), "amount.value"),
        (json!({"amount": rub("890.0")}), "amount.value"),
        (json!({"amount": rub("890,00")}), "amount.value"),
        (json!({"amount": rub("0.00")}), "amount.value"),
        (json!({"amount": rub("-1.00")}), "amount.value"),
        (json!({"amount": {"value": "890.00", "currency": "USD"}}), "amount.currency"),
        (json!({"capture": "true"}), "capture"),
        (json!({"description": "ы".repeat(129)}), "description"),
        (json!({"confirmation": null}), "confirmation"),
        (to(json!({"type": "redirect"})), "confirmation.return_url"),
        (to(json!({"return_url": "https://shop.example"})), "confirmation.type"),
        (to(json!({"type": "embedded"})), "confirmation.type"),
        (to(json!({"type": "redirect", "return_url": "shop.example"})), "confirmation.return_url"),
        (to(json!({"type": "redirect", "return_url": "javascript:alert(1)"})), "confirmation.return_url"),
        (
            to(json!({"type": "redirect", "return_url": format!("https://a.example/{}", "x".repeat(2_040))})),
            "confirmation.return_url",
        ),
        (json!({"payment_method_data": {"type": "barter"}}), "payment_method_data.type"),
        (json!({"payment_method_data": {"type": "mobile_balance"}}), "payment_method_data.phone"),
        (
            json!({"payment_method_data": {"type": "cash"}, "save_payment_method": true}),
            "save_payment_method",
        ),
        (json!({"payment_method_id": "x"}), "confirmation"),
        (json!({"payment_method_id": "x", "confirmation": null}), "payment_method_id"),
        (
            json!({"payment_method_id": "x", "confirmation": null, "payment_method_data": {"type": "sbp"}}),
            "payment_method_data",
        ),
        (json!({"merchant_customer_id": "x".repeat(201)}), "merchant_customer_id"),
        (json!({"metadata": many}), "metadata"),
        (metadata(&"x".repeat(33), json!("x")), "metadata"),
        (metadata("x", json!("x".repeat(513))), "metadata"),
        (metadata("x", json!(7)), "metadata"),
        (json!({"transfers": [{"account_id": "1"}]}), "transfers"),
        (json!({"colour": "red"}), "colour"),
        (receipt(json!({"customer": {}}), json!({})), "receipt.customer.email"),
        (receipt(json!({"customer": {"email": "nobody"}}), json!({})), "receipt.customer.email"),
        (receipt(json!({"customer": {"phone": "+79000000000"}}), json!({})), "receipt.customer.phone"),
        (receipt(json!({"items": []}), json!({})), "receipt.items"),
        (receipt(json!({"tax_system_code": 7}), json!({})), "receipt.tax_system_code"),
        (receipt(json!({}), json!({"amount": rub("889.99")})), "receipt.items"),
        (receipt(json!({}), json!({"quantity": "2"})), "receipt.items"),
        (receipt(json!({}), json!({"quantity": "0"})), "receipt.items[0].quantity"),
        (receipt(json!({}), json!({"quantity": "1.0001"})), "receipt.items[0].quantity"),
        (receipt(json!({}), json!({"vat_code": null})), "receipt.items[0].vat_code"),
        (receipt(json!({}), json!({"vat_code": 13})), "receipt.items[0].vat_code"),
        (receipt(json!({}), json!({"description": "x".repeat(129)})), "receipt.items[0].description"),
        (receipt(json!({}), json!({"payment_subject": "air"})), "receipt.items[0].payment_subject"),
        (receipt(json!({}), json!({"payment_mode": "later"})), "receipt.items[0].payment_mode"),
    ] {
        check_refused(&shop, "/payments", &order(&changes), parameter).await;
    }
    let item = json!({"description": "x", "quantity": 1, "amount": rub("1.00"), "vat_code": 1});
    let items: Vec<Value> = vec![item; 81];
    let body = order(
        &json!({"amount": rub("81.00"), "receipt": {"customer": {"phone": "79000000000"}, "items": items}}),
    );
    check_refused(&shop, "/payments", &body, "receipt.items").await;
    assert_eq!(shop.get("/payments").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_taken() {
    let shop = Shop::open().await;
    for changes in [
        // As the vendor's SDK sends it.
        json!({"transfers": [], "statements": [], "sources": [], "metadata": {"cms_name": "yookassa_sdk_python"}}),
        json!({"payment_method_data": {"type": "sbp"}, "save_payment_method": true}),
        json!({"payment_method_data": {"type": "mobile_balance", "phone": "79000000000"}}),
        json!({"client_ip": "203.0.113.7", "merchant_customer_id": "7", "recipient": {"gateway_id": "1"}}),
        json!({"confirmation": {"type": "redirect", "return_url": "http://127.0.0.1/", "enforce": false, "locale": "ru_RU"}}),
        receipt(json!({}), json!({})),
        receipt(
            json!({"customer": {"phone": "79000000000"}}),
            json!({"quantity": 2, "amount": rub("445.00")}),
        ),
        receipt(json!({}), json!({"quantity": "0.500", "amount": rub("1780.00")})),
        receipt(json!({"internet": true}), json!({"measure": "piece", "quantity": 1.0})),
    ] {
        shop.pay(changes).await;
    }
    let got = fetch(
        shop.post_request("/payments", "sdk", &order(&json!({})))
            .header("YM-User-Agent", "Linux/6.1 Python/3.13 YooKassa.SDK.Python/3.13.0"),
    )
    .await;
    assert_eq!(got.status, 200, "{got:?}");
    let payment = shop.pay(json!({})).await;
    shop.press(&payment, "succeed").await;
    let refund = json!({"payment_id": payment["id"], "amount": rub("1.00"), "sources": []});
    assert_eq!(shop.post("/refunds", &refund).await.status, 200);
}

#[tokio::test]
async fn refunds() {
    let shop = Shop::open().await;
    let good = json!({"payment_id": "x", "amount": rub("1.00")});
    for (name, value, parameter) in [
        ("payment_id", json!(null), "payment_id"),
        ("amount", json!(null), "amount"),
        ("amount", rub("1.5"), "amount.value"),
        ("description", json!("x".repeat(251)), "description"),
        ("metadata", json!({"a": 1}), "metadata"),
        ("receipt", json!({}), "receipt.customer"),
        ("why", json!("x"), "why"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        check_refused(&shop, "/refunds", &body, parameter).await;
    }
}

#[tokio::test]
async fn headers() {
    let shop = Shop::open().await;
    let url = format!("{}/payments", shop.lab.sandbox.base_url("yookassa").unwrap());
    let body = order(&json!({})).to_string();
    let request = || {
        let request = shop.lab.client.post(&url).header("Content-Type", "application/json");
        request.header("Idempotence-Key", "k").body(body.clone())
    };
    for request in [
        request(),
        request().basic_auth("", Some("key")),
        request().basic_auth("100500", Some("")),
        request().bearer_auth("token"),
        request().header("Authorization", "Basic ???"),
        shop.lab.client.get(&url),
    ] {
        let got = fetch(request).await;
        assert_eq!((got.status, got.json()["code"].clone()), (401, json!("invalid_credentials")), "{got:?}");
    }

    let keyless = shop.request(Method::POST, "/payments").header("Content-Type", "application/json");
    let long = "k".repeat(65);
    for request in [
        keyless.body(body.clone()),
        shop.post_request("/payments", &long, &order(&json!({}))),
        shop.post_request("/payments", "a b", &order(&json!({}))),
    ] {
        let got = fetch(request).await;
        assert_eq!((got.status, got.json()["parameter"].clone()), (400, json!("Idempotence-Key")), "{got:?}");
    }
    let typeless = shop.request(Method::POST, "/payments").header("Idempotence-Key", "k").body(body.clone());
    assert_eq!(fetch(typeless).await.status, 415);
    let got = fetch(
        shop.request(Method::POST, "/payments")
            .header("Idempotence-Key", "k")
            .body("{")
            .header("Content-Type", "application/json"),
    )
    .await;
    assert_eq!((got.status, got.json()["code"].clone()), (400, json!("invalid_request")));
    assert_eq!(shop.get("/payments/x").await.status, 404);
    assert_eq!(shop.get("/refunds/x").await.status, 404);
}
