//! What is asked of Telegram, and what it answers and tells.

use crate::support::{
    REFERENCE, REFUND_REFERENCE, WEBHOOK_SECRET, altered, body, fixture, order, read, refund_order, settings,
    telegram,
};
use domain::{
    billing::Money,
    port::{
        Charge, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRefund, GatewayRefundStatus,
        Notification, NotificationError, PaymentOrder, RefundOrder,
    },
    time::Timestamp,
};
use http::{Method, StatusCode};
use payments::{Adapter, Response, Telegram, TelegramSettings};
use serde_json::{Value, json};
use std::time::Duration;

const PRICE: Money = Money::stars(742);
const CHARGE: &str = "stxCharge-0001";

#[test]
fn an_invoice_is_asked_for_as_it_is_charged() {
    let check = |charge: Charge, period: Option<i64>| {
        let request = telegram().create(&order(PRICE, charge)).unwrap().request;
        let mut expected = json!({
            "title": "Plan vip",
            "description": "Plan vip for one month",
            "payload": REFERENCE,
            "provider_token": "",
            "currency": "XTR",
            "prices": [{ "label": "Plan vip", "amount": 742 }],
        });
        if let Some(period) = period {
            expected["subscription_period"] = json!(period);
        }
        assert_eq!(body(&request), expected);
        assert_eq!((request.method, request.path.as_str()), (Method::POST, "/createInvoiceLink"));
    };
    check(Charge::Once, None);
    check(Charge::Recurring, Some(2_592_000));
}

#[test]
fn an_invoice_has_a_link_and_no_id() {
    let exchange = telegram().create(&order(PRICE, Charge::Once)).unwrap();
    let expected = GatewayPayment {
        gateway_id: None,
        reference: Some(REFERENCE.to_owned()),
        status: GatewayPaymentStatus::Pending,
        amount: PRICE,
        refunded: Money::stars(0),
        confirmation_url: Some("https://t.me/$abc".to_owned()),
        saved_method_id: None,
        payer_id: None,
        paid_at: None,
        paid_until: None,
    };
    assert_eq!(read(exchange, 200, br#"{"ok": true, "result": "https://t.me/$abc"}"#), Ok(expected));
}

#[test]
fn what_cannot_be_said_is_rejected() {
    let once = || order(PRICE, Charge::Once);
    let saved = Charge::Saved { saved_method_id: "1".to_owned() };
    for order in [
        PaymentOrder { charge: saved, ..once() },
        PaymentOrder { amount: Money::kopecks(742), ..once() },
        PaymentOrder { amount: Money::stars(0), ..once() },
        PaymentOrder { amount: Money::stars(-1), ..once() },
        PaymentOrder { reference: String::new(), ..once() },
        PaymentOrder { reference: "ы".repeat(65), ..once() },
    ] {
        let error = telegram().create(&order).err().unwrap();
        assert_eq!(error.kind, GatewayErrorKind::Rejected, "{order:?}");
    }
    let refund = || refund_order(PRICE, CHARGE);
    for order in [
        RefundOrder { payer_id: None, ..refund() },
        RefundOrder { payer_id: Some("ann".to_owned()), ..refund() },
        RefundOrder { amount: Money::kopecks(742), ..refund() },
    ] {
        let error = telegram().refund(&order).err().unwrap();
        assert_eq!(error.kind, GatewayErrorKind::Rejected, "{order:?}");
    }
}

#[test]
fn long_words_are_cut_to_what_telegram_takes() {
    let long = "ы".repeat(1_000);
    let order = PaymentOrder { title: long.clone(), description: long, ..order(PRICE, Charge::Once) };
    let body = body(&telegram().create(&order).unwrap().request);
    let chars = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!((chars(&body["title"]), chars(&body["description"])), (32, 255));
}

#[test]
fn a_refund_succeeds_once_and_again() {
    let exchange = || telegram().refund(&refund_order(PRICE, CHARGE)).unwrap();
    let request = exchange().request;
    let expected = json!({ "user_id": 5_000_000_001_i64, "telegram_payment_charge_id": CHARGE });
    assert_eq!((request.path.as_str(), body(&request)), ("/refundStarPayment", expected));
    let expected = GatewayRefund {
        gateway_id: None,
        reference: Some(REFUND_REFERENCE.to_owned()),
        payment_gateway_id: CHARGE.to_owned(),
        amount: PRICE,
        status: GatewayRefundStatus::Succeeded,
    };
    assert_eq!(read(exchange(), 200, br#"{"ok": true, "result": true}"#).as_ref(), Ok(&expected));
    let again = br#"{"ok": false, "error_code": 400, "description": "Bad Request: CHARGE_ALREADY_REFUNDED"}"#;
    assert_eq!(read(exchange(), 400, again), Ok(expected));
    let error = read(exchange(), 200, br#"{"ok": true, "result": false}"#).unwrap_err();
    assert_eq!(error.kind, GatewayErrorKind::OutcomeUnknown);
    let trouble = br#"{"ok": false, "error_code": 500, "description": "CHARGE_ALREADY_REFUNDED"}"#;
    assert_eq!(read(exchange(), 500, trouble).unwrap_err().kind, GatewayErrorKind::OutcomeUnknown);
}

#[test]
fn renewals_are_stopped_and_restarted() {
    for (renews, is_canceled) in [(false, true), (true, false)] {
        let exchange = telegram().set_renewal("5000000001", CHARGE, renews).unwrap().unwrap();
        let expected = json!({
            "user_id": 5_000_000_001_i64, "telegram_payment_charge_id": CHARGE, "is_canceled": is_canceled,
        });
        assert_eq!(exchange.request.path, "/editUserStarSubscription");
        assert_eq!(body(&exchange.request), expected);
        assert_eq!(read(exchange, 200, br#"{"ok": true, "result": true}"#), Ok(()));
    }
    assert_eq!(telegram().set_renewal("ann", CHARGE, true).err().unwrap().kind, GatewayErrorKind::Rejected);
}

#[test]
fn checkouts_are_answered() {
    let go_on = telegram().answer_pre_checkout("42", None).unwrap().request;
    assert_eq!(go_on.path, "/answerPreCheckoutQuery");
    assert_eq!(body(&go_on), json!({ "pre_checkout_query_id": "42", "ok": true }));
    let no = telegram().answer_pre_checkout("42", Some("It is paid")).unwrap().request;
    let expected = json!({ "pre_checkout_query_id": "42", "ok": false, "error_message": "It is paid" });
    assert_eq!(body(&no), expected);
}

#[test]
fn statuses_say_what_happened() {
    let exchange = || telegram().create(&order(PRICE, Charge::Once)).unwrap();
    let said = |code: u16, words: &str| json!({ "ok": false, "error_code": code, "description": words });
    for (status, words, kind) in [
        (400, "Bad Request: INVOICE_PAYLOAD_INVALID", GatewayErrorKind::Rejected),
        (400, "Bad Request: CHARGE_NOT_FOUND", GatewayErrorKind::NotFound),
        (401, "Unauthorized", GatewayErrorKind::BadKey),
        (403, "Forbidden: bot was blocked by the user", GatewayErrorKind::Rejected),
        (404, "Not Found", GatewayErrorKind::BadKey),
        (408, "Request Timeout", GatewayErrorKind::OutcomeUnknown),
        (409, "Conflict", GatewayErrorKind::Rejected),
        (429, "Too Many Requests: retry after 5", GatewayErrorKind::NotTaken),
        (500, "Internal Server Error", GatewayErrorKind::OutcomeUnknown),
        (502, "Bad Gateway", GatewayErrorKind::OutcomeUnknown),
    ] {
        let body = said(status, words).to_string();
        // What stands between us and Telegram may answer 200 to everything.
        for http_status in [status, 200] {
            let error = read(exchange(), http_status, body.as_bytes()).unwrap_err();
            assert_eq!((error.kind, error.message), (kind, format!("HTTP {status}: {words}")));
        }
    }
    assert_eq!(read(exchange(), 403, b"<html>").unwrap_err().kind, GatewayErrorKind::Rejected);
    for body in ["", "{}", "[]", r#"{"ok": true}"#, r#"{"ok": true, "result": 7}"#, r#"{"ok": false}"#] {
        let error = read(exchange(), 200, body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, GatewayErrorKind::OutcomeUnknown, "{body}");
    }
}

#[test]
fn the_body_says_how_long_to_stay_away() {
    let check = |body: &str, expected: Option<Duration>| {
        let response = Response { status: StatusCode::TOO_MANY_REQUESTS, body: body.as_bytes().to_vec() };
        assert_eq!(telegram().asked_wait(&response), expected, "{body}");
    };
    check(r#"{"ok": false, "parameters": {"retry_after": 5}}"#, Some(Duration::from_secs(5)));
    check(r#"{"ok": false, "parameters": {"migrate_to_chat_id": 5}}"#, None);
    check(r#"{"ok": false, "parameters": {"retry_after": -5}}"#, None);
    check("slow down", None);
}

#[test]
fn messages_are_read() {
    let check = |name: &str, expected: Notification| {
        let body = fixture(&format!("telegram/{name}"));
        assert_eq!(telegram().read_notification(Some(WEBHOOK_SECRET), &body), Ok(expected), "{name}");
    };
    let query = Notification::PreCheckout {
        query_id: "180000000000000042".to_owned(),
        reference: REFERENCE.to_owned(),
        amount: PRICE,
        payer_id: "5000000001".to_owned(),
    };
    check("pre_checkout", query);
    let once = GatewayPayment {
        gateway_id: Some(CHARGE.to_owned()),
        reference: Some(REFERENCE.to_owned()),
        status: GatewayPaymentStatus::Succeeded,
        amount: PRICE,
        refunded: Money::stars(0),
        confirmation_url: None,
        saved_method_id: None,
        payer_id: Some("5000000001".to_owned()),
        paid_at: Some(Timestamp::from_unix_ms(1_795_338_930_000)),
        paid_until: None,
    };
    check("paid_once", Notification::Paid(once.clone()));
    let renewal = GatewayPayment {
        gateway_id: Some("stxCharge-0002".to_owned()),
        paid_until: Some(Timestamp::from_unix_ms(1_797_930_930_000)),
        ..once
    };
    check("paid_renewal", Notification::Paid(renewal));
    let refund = GatewayRefund {
        gateway_id: None,
        reference: None,
        payment_gateway_id: CHARGE.to_owned(),
        amount: PRICE,
        status: GatewayRefundStatus::Succeeded,
    };
    check("refunded", Notification::Refunded(refund));
}

#[test]
fn other_updates_do_not_concern_us() {
    for update in [
        json!({}),
        json!({ "update_id": 1 }),
        json!({ "update_id": 1, "message": { "text": "/start", "from": { "id": 1 } } }),
        json!({ "update_id": 1, "subscription": { "is_canceled": true } }),
        json!({ "update_id": 1, "edited_message": { "successful_payment": {} } }),
    ] {
        let read = telegram().read_notification(Some(WEBHOOK_SECRET), update.to_string().as_bytes());
        assert_eq!(read, Ok(Notification::Other), "{update}");
    }
}

#[test]
fn without_proof_a_message_is_forged() {
    let body = fixture("telegram/paid_once");
    let forged = Err(NotificationError::Forged);
    assert_eq!(telegram().proof_header(), Some("X-Telegram-Bot-Api-Secret-Token"));
    let longer = format!("{WEBHOOK_SECRET}1");
    let proofs = [None, Some(""), Some("hook"), Some("HOOK-SECRET-4711"), Some(longer.as_str())];
    for proof in proofs {
        assert_eq!(telegram().read_notification(proof, &body), forged, "{proof:?}");
    }
    let settings = settings("http://localhost").telegram;
    let secretless = Telegram::new(TelegramSettings { webhook_secret: "".into(), ..settings });
    for proof in [None, Some(""), Some(WEBHOOK_SECRET)] {
        assert_eq!(secretless.read_notification(proof, &body), forged, "{proof:?}");
    }
}

#[test]
fn odd_numbers_are_malformed() {
    let check = |name: &str, pointer: &str, value: Value| {
        let body = altered(&format!("telegram/{name}"), pointer, value.clone());
        let error = telegram().read_notification(Some(WEBHOOK_SECRET), &body).unwrap_err();
        assert!(matches!(error, NotificationError::Malformed(_)), "{name} {pointer} {value}: {error}");
    };
    let amounts = || [json!(-1), json!(1.5), json!("742"), json!(u64::MAX), json!(1e30)];
    for value in amounts() {
        check("pre_checkout", "/pre_checkout_query/total_amount", value);
    }
    for value in amounts() {
        check("paid_once", "/message/successful_payment/total_amount", value);
    }
    for value in amounts() {
        check("refunded", "/message/refunded_payment/total_amount", value);
    }
    for (name, pointer) in [
        ("pre_checkout", "/pre_checkout_query/currency"),
        ("paid_once", "/message/successful_payment/currency"),
        ("refunded", "/message/refunded_payment/currency"),
    ] {
        check(name, pointer, json!("RUB"));
    }
    for date in [json!(-1), json!(i64::MAX)] {
        check("paid_renewal", "/message/successful_payment/subscription_expiration_date", date);
    }
    check("paid_once", "/message/date", json!(-1));
    check("paid_once", "/message/successful_payment/telegram_payment_charge_id", json!(""));
    check("pre_checkout", "/pre_checkout_query/from", Value::Null);
}
