//! What is asked of `YooKassa`.

use crate::support::{
    PAYMENT, REFERENCE, REFUND, REFUND_REFERENCE, body, order, query, refund_order, settings, yookassa,
};
use domain::{
    billing::Money,
    port::{Charge, GatewayErrorKind, PaymentOrder, RefundOrder},
    time::Timestamp,
};
use http::Method;
use payments::{Adapter, Request, Yookassa, YookassaSettings};
use serde_json::{Value, json};

const PRICE: Money = Money::kopecks(89_000);

fn once() -> PaymentOrder {
    order(PRICE, Charge::Once)
}

fn create(order: &PaymentOrder) -> Request {
    yookassa().create(order).unwrap().request
}

fn with_receipts() -> Yookassa {
    let settings = settings("http://localhost").yookassa;
    Yookassa::new(YookassaSettings { receipts: true, vat_code: 4, tax_system_code: Some(2), ..settings })
}

/// What every payment says.
fn common() -> Value {
    json!({
        "amount": { "value": "890.00", "currency": "RUB" },
        "capture": true,
        "description": "Plan vip for one month",
        "metadata": { "reference": REFERENCE, "payment_id": "7001", "account_id": "42" },
    })
}

#[test]
fn a_payment_is_asked_for_as_it_is_charged() {
    let redirect = json!({ "type": "redirect", "return_url": "https://example.org/account" });
    let check = |charge: Charge, fields: &[(&str, Value)]| {
        let request = create(&order(PRICE, charge));
        let mut expected = common();
        for (name, value) in fields {
            expected[*name] = value.clone();
        }
        assert_eq!(body(&request), expected);
        assert_eq!((request.method, request.path.as_str()), (Method::POST, "/payments"));
        assert_eq!(request.headers["idempotence-key"], REFERENCE);
        assert_eq!(request.headers["content-type"], "application/json");
    };
    check(Charge::Once, &[("confirmation", redirect.clone())]);
    check(Charge::Recurring, &[("confirmation", redirect), ("save_payment_method", json!(true))]);
    let saved = Charge::Saved { saved_method_id: PAYMENT.to_owned() };
    check(saved, &[("payment_method_id", json!(PAYMENT))]);
}

#[test]
fn the_same_order_is_the_same_request() {
    assert_eq!(create(&once()), create(&once()));
}

#[test]
fn amounts_are_texts_with_two_decimals() {
    for (amount_kopecks, expected) in
        [(1, "0.01"), (10, "0.10"), (100, "1.00"), (89_000, "890.00"), (123_456_789, "1234567.89")]
    {
        let request = create(&order(Money::kopecks(amount_kopecks), Charge::Once));
        assert_eq!(body(&request)["amount"], json!({ "value": expected, "currency": "RUB" }));
    }
}

#[test]
fn long_words_are_cut_to_what_the_service_takes() {
    let long = "ы".repeat(1_000);
    let chars = |value: &Value| value.as_str().unwrap().chars().count();
    let payment = PaymentOrder { description: long.clone(), ..once() };
    let payment = body(&with_receipts().create(&payment).unwrap().request);
    assert_eq!(chars(&payment["description"]), 128);
    assert_eq!(chars(&payment["receipt"]["items"][0]["description"]), 128);
    let refund = RefundOrder { description: long, ..refund_order(PRICE, PAYMENT) };
    let refund = body(&with_receipts().refund(&refund).unwrap().request);
    assert_eq!(chars(&refund["description"]), 250);
    assert_eq!(chars(&refund["receipt"]["items"][0]["description"]), 128);
}

#[test]
fn receipts_sum_up_to_the_amount() {
    let payment = body(&with_receipts().create(&once()).unwrap().request);
    let expected = json!({
        "customer": { "email": "ann@example.org" },
        "items": [{
            "description": "Plan vip for one month",
            "quantity": 1,
            "amount": { "value": "890.00", "currency": "RUB" },
            "vat_code": 4,
            "payment_subject": "service",
            "payment_mode": "full_payment",
        }],
        "tax_system_code": 2,
    });
    assert_eq!(payment["receipt"], expected);
    let refund = refund_order(Money::kopecks(10_050), PAYMENT);
    let refund = body(&with_receipts().refund(&refund).unwrap().request);
    assert_eq!(refund["receipt"]["items"][0]["amount"], refund["amount"]);
    let settings = YookassaSettings { receipts: true, ..settings("http://localhost").yookassa };
    let payment = body(&Yookassa::new(settings).create(&once()).unwrap().request);
    assert_eq!(payment["receipt"].get("tax_system_code"), None);
    assert_eq!(payment["receipt"]["items"][0]["vat_code"], 1);
}

#[test]
fn what_cannot_be_said_is_rejected() {
    let check = |adapter: &Yookassa, order: PaymentOrder| {
        let error = adapter.create(&order).err().unwrap();
        assert_eq!(error.kind, GatewayErrorKind::Rejected, "{order:?}");
    };
    let plain = yookassa();
    for amount in [Money::stars(100), Money::kopecks(0), Money::kopecks(-1)] {
        check(&plain, PaymentOrder { amount, ..once() });
        assert!(plain.refund(&refund_order(amount, PAYMENT)).is_err());
    }
    for reference in [String::new(), "a".repeat(65), "a b".to_owned(), "a\nb".to_owned(), "ключ".to_owned()]
    {
        check(&plain, PaymentOrder { reference: reference.clone(), ..once() });
        assert!(plain.refund(&RefundOrder { reference, ..refund_order(PRICE, PAYMENT) }).is_err());
    }
    let too_long = format!("https://example.org/{}", "a".repeat(2_048));
    for return_url in [None, Some(String::new()), Some(too_long)] {
        check(&plain, PaymentOrder { return_url, ..once() });
    }
    for receipt_email in [None, Some(String::new())] {
        check(&with_receipts(), PaymentOrder { receipt_email: receipt_email.clone(), ..once() });
        let refund = RefundOrder { receipt_email, ..refund_order(PRICE, PAYMENT) };
        assert!(with_receipts().refund(&refund).is_err());
    }
}

#[test]
fn a_refund_is_asked_for() {
    let request = yookassa().refund(&refund_order(Money::kopecks(10_050), PAYMENT)).unwrap().request;
    let expected = json!({
        "payment_id": PAYMENT,
        "amount": { "value": "100.50", "currency": "RUB" },
        "description": "Unused part",
        "metadata": { "reference": REFUND_REFERENCE, "refund_id": "7002" },
    });
    assert_eq!(body(&request), expected);
    assert_eq!((request.method, request.path.as_str()), (Method::POST, "/refunds"));
    assert_eq!(request.headers["idempotence-key"], REFUND_REFERENCE);
}

#[test]
fn payments_and_refunds_are_read_back_by_their_ids() {
    let payment = yookassa().payment(PAYMENT).unwrap().request;
    assert_eq!((payment.method, payment.path), (Method::GET, format!("/payments/{PAYMENT}")));
    let refund = yookassa().refund_status(REFUND, PAYMENT).unwrap().request;
    assert_eq!((refund.method, refund.path), (Method::GET, format!("/refunds/{REFUND}")));
    for id in ["", "../me", "a?b", "a/b", "a%2fb", "ид", &"a".repeat(65)] {
        assert_eq!(yookassa().payment(id).err().unwrap().kind, GatewayErrorKind::NotFound, "{id}");
        assert_eq!(yookassa().refund_status(id, PAYMENT).err().unwrap().kind, GatewayErrorKind::NotFound);
    }
}

#[test]
fn records_are_asked_for_by_time() {
    let (from, to) = (Timestamp::from_unix_ms(1_795_338_930_125), Timestamp::from_unix_ms(1_795_425_330_000));
    let request = yookassa().records(from, to).request;
    assert_eq!((&request.method, request.path.as_str()), (&Method::GET, "/payments"));
    assert_eq!(query(&request, "limit"), Some("100"));
    assert_eq!(query(&request, "created_at.gte"), Some("2026-11-22T09:15:30.125Z"));
    assert_eq!(query(&request, "created_at.lt"), Some("2026-11-23T09:15:30Z"));
    assert_eq!(query(&request, "cursor"), None);
}

#[test]
fn the_service_neither_renews_nor_asks() {
    assert!(yookassa().set_renewal("1", PAYMENT, false).unwrap().is_none());
    assert!(yookassa().answer_pre_checkout("1", None).is_none());
    assert_eq!(yookassa().proof_header(), None);
}
