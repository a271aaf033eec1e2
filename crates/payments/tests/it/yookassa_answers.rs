//! What `YooKassa` answers and tells.

use crate::support::{
    PAYMENT, REFERENCE, REFUND, REFUND_REFERENCE, altered, fixture, next, order, query, read, refund_order,
    yookassa,
};
use domain::{
    billing::Money,
    port::{
        Charge, Decline, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord,
        GatewayRefund, GatewayRefundStatus, Notification, NotificationError,
    },
    time::Timestamp,
};
use http::StatusCode;
use payments::{Adapter, Response};
use serde_json::{Value, json};
use std::time::Duration;

const PRICE: Money = Money::kopecks(89_000);

fn payment(status: GatewayPaymentStatus) -> GatewayPayment {
    GatewayPayment {
        gateway_id: Some(PAYMENT.to_owned()),
        reference: Some(REFERENCE.to_owned()),
        status,
        amount: PRICE,
        refunded: Money::kopecks(0),
        confirmation_url: None,
        saved_method_id: None,
        payer_id: None,
        paid_at: None,
        paid_until: None,
    }
}

fn refund() -> GatewayRefund {
    GatewayRefund {
        gateway_id: Some(REFUND.to_owned()),
        reference: Some(REFUND_REFERENCE.to_owned()),
        payment_gateway_id: PAYMENT.to_owned(),
        amount: Money::kopecks(10_050),
        status: GatewayRefundStatus::Succeeded,
    }
}

#[test]
fn payments_are_read() {
    let check = |name: &str, expected: GatewayPayment| {
        let body = fixture(&format!("yookassa/{name}"));
        let read_back = read(yookassa().payment(PAYMENT).unwrap(), 200, &body);
        let created = read(yookassa().create(&order(PRICE, Charge::Once)).unwrap(), 200, &body);
        assert_eq!((read_back.as_ref(), created.as_ref()), (Ok(&expected), Ok(&expected)), "{name}");
    };
    let url = format!("https://yoomoney.ru/checkout/payments/v2/contract?orderId={PAYMENT}");
    let pending = payment(GatewayPaymentStatus::Pending);
    check("payment_pending", GatewayPayment { confirmation_url: Some(url), ..pending.clone() });
    // `paid` is true there: the money is held, not received.
    check("payment_held", pending);
    let succeeded = GatewayPayment {
        refunded: Money::kopecks(10_050),
        saved_method_id: Some(PAYMENT.to_owned()),
        paid_at: Some(Timestamp::from_unix_ms(1_795_338_962_300)),
        ..payment(GatewayPaymentStatus::Succeeded)
    };
    check("payment_succeeded", succeeded);
    check("payment_canceled", payment(GatewayPaymentStatus::Canceled(Decline::Passing)));
}

#[test]
fn refunds_are_read() {
    let check = |word: &str, status: GatewayRefundStatus| {
        let body = altered("yookassa/refund_succeeded", "/status", json!(word));
        let expected = GatewayRefund { status, ..refund() };
        let order = refund_order(Money::kopecks(10_050), PAYMENT);
        assert_eq!(read(yookassa().refund(&order).unwrap(), 200, &body).as_ref(), Ok(&expected));
        let read_back = read(yookassa().refund_status(REFUND, PAYMENT).unwrap(), 200, &body);
        assert_eq!(read_back, Ok(expected));
    };
    check("pending", GatewayRefundStatus::Pending);
    check("succeeded", GatewayRefundStatus::Succeeded);
    check("canceled", GatewayRefundStatus::Canceled);
}

#[test]
fn reasons_say_what_to_do() {
    for (reason, decline) in [
        ("3d_secure_failed", Decline::NotConfirmed),
        ("call_issuer", Decline::Refused),
        ("canceled_by_merchant", Decline::Passing),
        ("card_expired", Decline::MethodGone),
        ("country_forbidden", Decline::Refused),
        ("deal_expired", Decline::Passing),
        ("expired_on_capture", Decline::Passing),
        ("expired_on_confirmation", Decline::NotConfirmed),
        ("fraud_suspected", Decline::Refused),
        ("general_decline", Decline::Passing),
        ("identification_required", Decline::Passing),
        ("insufficient_funds", Decline::Passing),
        ("internal_timeout", Decline::Passing),
        ("invalid_card_number", Decline::MethodGone),
        ("invalid_csc", Decline::Passing),
        ("issuer_unavailable", Decline::Passing),
        ("payment_method_limit_exceeded", Decline::Passing),
        ("payment_method_restricted", Decline::MethodGone),
        ("permission_revoked", Decline::MethodGone),
        ("unsupported_mobile_operator", Decline::Passing),
        ("one_that_came_later", Decline::Passing),
    ] {
        let body = altered("yookassa/payment_canceled", "/cancellation_details/reason", json!(reason));
        let read = read(yookassa().payment(PAYMENT).unwrap(), 200, &body).unwrap();
        assert_eq!(read.status, GatewayPaymentStatus::Canceled(decline), "{reason}");
    }
    let body = altered("yookassa/payment_canceled", "/cancellation_details", Value::Null);
    let read = read(yookassa().payment(PAYMENT).unwrap(), 200, &body).unwrap();
    assert_eq!(read.status, GatewayPaymentStatus::Canceled(Decline::Passing));
}

#[test]
fn statuses_say_what_happened() {
    let said = json!({
        "type": "error", "id": "1", "code": "some_code", "description": "Some words", "parameter": "amount",
    });
    for (status, kind) in [
        (202, GatewayErrorKind::OutcomeUnknown),
        (307, GatewayErrorKind::OutcomeUnknown),
        (400, GatewayErrorKind::Rejected),
        (401, GatewayErrorKind::BadKey),
        (403, GatewayErrorKind::Rejected),
        (404, GatewayErrorKind::NotFound),
        (405, GatewayErrorKind::Rejected),
        (408, GatewayErrorKind::OutcomeUnknown),
        (415, GatewayErrorKind::Rejected),
        (429, GatewayErrorKind::NotTaken),
        (500, GatewayErrorKind::OutcomeUnknown),
        (503, GatewayErrorKind::OutcomeUnknown),
    ] {
        let exchange = || yookassa().create(&order(PRICE, Charge::Once)).unwrap();
        let error = read(exchange(), status, said.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.message, format!("HTTP {status}: some_code: amount: Some words"));
        assert_eq!(read(exchange(), status, b"<html>").unwrap_err().kind, kind, "{status}");
    }
}

#[test]
fn a_key_that_was_used_otherwise_may_have_made_a_payment() {
    let said = json!({
        "type": "error", "code": "invalid_request",
        "description": "Idempotence key duplicated", "parameter": "Idempotence-Key",
    });
    let exchange = yookassa().create(&order(PRICE, Charge::Once)).unwrap();
    let error = read(exchange, 400, said.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.kind, GatewayErrorKind::OutcomeUnknown);
}

#[test]
fn a_time_that_cannot_be_read_takes_no_money_away() {
    let body = altered("yookassa/payment_succeeded", "/captured_at", json!("yesterday"));
    let read = read(yookassa().payment(PAYMENT).unwrap(), 200, &body).unwrap();
    assert_eq!((read.status, read.paid_at), (GatewayPaymentStatus::Succeeded, None));
}

#[test]
fn odd_answers_are_not_believed() {
    for (pointer, value) in [
        ("/id", json!("")),
        ("/id", json!("a/b")),
        ("/id", json!(7)),
        ("/status", json!("splendid")),
        ("/amount/value", json!(890)),
        ("/amount/value", json!("-890.00")),
        ("/amount/value", json!("890.001")),
        ("/amount/value", json!("NaN")),
        ("/amount/value", json!("99999999999999999999.00")),
        ("/amount/currency", json!("USD")),
        ("/amount/currency", json!("XTR")),
        ("/refunded_amount/value", json!("-1.00")),
        ("/refunded_amount/currency", json!("USD")),
    ] {
        let body = altered("yookassa/payment_succeeded", pointer, value.clone());
        let error = read(yookassa().payment(PAYMENT).unwrap(), 200, &body).unwrap_err();
        assert_eq!(error.kind, GatewayErrorKind::OutcomeUnknown, "{pointer} {value}");
    }
}

#[test]
fn the_body_says_how_long_to_stay_away() {
    let check = |body: &str, expected: Option<Duration>| {
        let response = Response { status: StatusCode::TOO_MANY_REQUESTS, body: body.as_bytes().to_vec() };
        assert_eq!(yookassa().asked_wait(&response), expected, "{body}");
    };
    check(r#"{"type": "processing", "retry_after": 1800}"#, Some(Duration::from_millis(1_800)));
    check(r#"{"type": "error", "code": "too_many_requests"}"#, None);
    check(r#"{"retry_after": -1}"#, None);
    check("slow down", None);
}

#[test]
fn both_lists_are_read_to_their_ends() {
    let object = |name: &str| serde_json::from_slice::<Value>(&fixture(&format!("yookassa/{name}"))).unwrap();
    let page = |items: &[Value], next_cursor: Option<&str>| {
        let mut page = json!({ "type": "list", "items": items });
        if let Some(cursor) = next_cursor {
            page["next_cursor"] = json!(cursor);
        }
        page.to_string().into_bytes()
    };
    let mut in_dollars = object("payment_succeeded");
    in_dollars["amount"]["currency"] = json!("USD");
    let (from, to) = (Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(1_000));

    let first = yookassa().records(from, to);
    let second = next(first, &page(&[object("payment_pending"), in_dollars], Some("cursor+1")));
    assert_eq!(second.request.path, "/payments");
    assert_eq!(query(&second.request, "cursor"), Some("cursor+1"));
    assert_eq!(query(&second.request, "created_at.gte"), Some("1970-01-01T00:00:00Z"));
    assert_eq!(query(&second.request, "created_at.lt"), Some("1970-01-01T00:00:01Z"));
    let refunds = next(second, &page(&[object("payment_canceled")], None));
    assert_eq!((refunds.request.path.as_str(), query(&refunds.request, "cursor")), ("/refunds", None));
    let records = read(refunds, 200, &page(&[object("refund_succeeded")], None)).unwrap();

    let [GatewayRecord::Payment(pending), GatewayRecord::Payment(canceled), GatewayRecord::Refund(back)] =
        records.as_slice()
    else {
        panic!("{records:?}")
    };
    assert_eq!(pending.status, GatewayPaymentStatus::Pending);
    assert_eq!(canceled, &payment(GatewayPaymentStatus::Canceled(Decline::Passing)));
    assert_eq!(back, &refund());
}

#[test]
fn one_bad_record_spoils_the_list() {
    let page = json!({ "type": "list", "items": [{ "id": PAYMENT }] }).to_string();
    let exchange = yookassa().records(Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(1));
    assert_eq!(read(exchange, 200, page.as_bytes()).unwrap_err().kind, GatewayErrorKind::OutcomeUnknown);
}

#[test]
fn notifications_say_what_to_read_back() {
    let check = |body: &[u8], expected: Notification| {
        assert_eq!(yookassa().read_notification(None, body), Ok(expected));
    };
    let with = |reference: Option<&str>| Notification::PaymentMoved {
        gateway_id: PAYMENT.to_owned(),
        reference: reference.map(str::to_owned),
    };
    let moved = || with(Some(REFERENCE));
    check(&fixture("yookassa/notification_succeeded"), moved());
    // What others write down is none of ours, and no reason to have it sent again.
    for metadata in
        [json!({}), json!(null), json!([]), json!({ "reference": 7 }), json!({ "reference": "\0" })]
    {
        let body = altered("yookassa/notification_succeeded", "/object/metadata", metadata);
        check(&body, with(None));
    }
    for event in ["payment.canceled", "payment.waiting_for_capture", "payment.something_new"] {
        check(&altered("yookassa/notification_succeeded", "/event", json!(event)), moved());
    }
    let (gateway_id, payment_gateway_id) = (REFUND.to_owned(), PAYMENT.to_owned());
    let refund = Notification::RefundMoved { gateway_id, payment_gateway_id };
    check(&fixture("yookassa/notification_refund"), refund);
    for event in ["payment_method.active", "payout.succeeded", "deal.closed", "payment", ""] {
        check(&altered("yookassa/notification_succeeded", "/event", json!(event)), Notification::Other);
    }
}

#[test]
fn odd_notifications_are_malformed() {
    let check = |body: &[u8]| {
        let error = yookassa().read_notification(None, body).unwrap_err();
        assert!(matches!(error, NotificationError::Malformed(_)), "{error}");
    };
    check(b"");
    check(b"[]");
    check(b"{}");
    for (pointer, value) in [
        ("/type", json!("greeting")),
        ("/event", json!(7)),
        ("/object", json!([])),
        ("/object/id", json!("../../me")),
        ("/object/id", Value::Null),
    ] {
        check(&altered("yookassa/notification_succeeded", pointer, value));
    }
    check(&altered("yookassa/notification_refund", "/object/payment_id", Value::Null));
}
