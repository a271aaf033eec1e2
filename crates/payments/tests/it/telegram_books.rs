//! The bot's books, in which payments and refunds are found.

use crate::support::{REFERENCE, altered, fixture, next, query, read, step, telegram};
use domain::{
    billing::Money,
    port::{
        GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord, GatewayRefund,
        GatewayRefundStatus,
    },
    time::Timestamp,
};
use http::Method;
use payments::Adapter;
use serde_json::json;

const PRICE: Money = Money::stars(742);
const END: &[u8] = br#"{"ok": true, "result": {"transactions": []}}"#;

fn first(refunded: Money) -> GatewayPayment {
    GatewayPayment {
        gateway_id: Some("stxCharge-0001".to_owned()),
        reference: Some(REFERENCE.to_owned()),
        status: GatewayPaymentStatus::Succeeded,
        amount: PRICE,
        refunded,
        confirmation_url: None,
        saved_method_id: None,
        payer_id: Some("5000000001".to_owned()),
        paid_at: Some(Timestamp::from_unix_ms(1_795_338_930_000)),
        paid_until: None,
    }
}

fn renewal() -> GatewayPayment {
    GatewayPayment {
        gateway_id: Some("stxCharge-0002".to_owned()),
        reference: Some("aaaabbbbccccddddaaaabbbbccccdddd".to_owned()),
        payer_id: Some("5000000002".to_owned()),
        paid_at: Some(Timestamp::from_unix_ms(1_795_338_931_000)),
        paid_until: Some(Timestamp::from_unix_ms((1_795_338_931 + 2_592_000) * 1_000)),
        ..first(Money::stars(0))
    }
}

fn refund() -> GatewayRefund {
    GatewayRefund {
        gateway_id: None,
        reference: None,
        payment_gateway_id: "stxCharge-0001".to_owned(),
        amount: PRICE,
        status: GatewayRefundStatus::Succeeded,
    }
}

#[test]
fn a_payment_is_found_with_what_became_of_it() {
    let find =
        |id: &str| read(next(telegram().payment(id).unwrap(), &fixture("telegram/transactions")), 200, END);
    assert_eq!(find("stxCharge-0001"), Ok(first(PRICE)));
    assert_eq!(find("stxCharge-0002"), Ok(renewal()));
    for id in ["stxGift-1", "stxWithdrawal-1", "stxPaidMedia-1", "elsewhere", ""] {
        assert_eq!(find(id).unwrap_err().kind, GatewayErrorKind::NotFound, "{id}");
    }
}

#[test]
fn a_refund_is_found_by_its_payment() {
    let find = |id: &str| {
        let exchange = telegram().refund_status("", id).unwrap();
        read(next(exchange, &fixture("telegram/transactions")), 200, END)
    };
    assert_eq!(find("stxCharge-0001"), Ok(refund()));
    for id in ["stxCharge-0002", "stxGift-1", "elsewhere"] {
        assert_eq!(find(id).unwrap_err().kind, GatewayErrorKind::NotFound, "{id}");
    }
}

#[test]
fn the_books_are_read_to_their_end_in_any_order() {
    let mut page: serde_json::Value = serde_json::from_slice(&fixture("telegram/transactions")).unwrap();
    let transactions = page["result"]["transactions"].as_array_mut().unwrap();
    transactions.reverse();
    let (newer, older) = transactions.split_at(2);
    let page = |transactions: &[serde_json::Value]| {
        json!({ "ok": true, "result": { "transactions": transactions } }).to_string().into_bytes()
    };
    let at_zero = telegram().payment("stxCharge-0001").unwrap();
    assert_eq!(
        (&at_zero.request.method, at_zero.request.path.as_str()),
        (&Method::GET, "/getStarTransactions")
    );
    assert_eq!(query(&at_zero.request, "offset"), Some("0"));
    assert_eq!(query(&at_zero.request, "limit"), Some("100"));
    let at_two = next(at_zero, &page(newer));
    assert_eq!(query(&at_two.request, "offset"), Some("2"));
    let at_six = next(at_two, &page(older));
    assert_eq!(query(&at_six.request, "offset"), Some("6"));
    // One that came meanwhile shifts the others: what is read twice counts once.
    let at_seven = next(at_six, &page(&older[3..]));
    assert_eq!(read(at_seven, 200, END), Ok(first(PRICE)));
}

#[test]
fn records_are_those_of_the_time() {
    let check = |from_s: i64, to_s: i64, expected: &[GatewayRecord]| {
        let [from, to] = [from_s, to_s].map(|s| Timestamp::from_unix_ms(s * 1_000));
        let exchange = next(telegram().records(from, to), &fixture("telegram/transactions"));
        assert_eq!(read(exchange, 200, END).unwrap(), expected, "{from_s}..{to_s}");
    };
    let (first, renewal) = (GatewayRecord::Payment(first(PRICE)), GatewayRecord::Payment(renewal()));
    let refund = GatewayRecord::Refund(refund());
    check(0, i64::MAX / 1_000, &[first.clone(), renewal.clone(), refund.clone()]);
    check(1_795_338_930, 1_795_338_931, std::slice::from_ref(&first));
    check(1_795_338_931, 1_795_338_932, &[renewal]);
    // Its payment lies outside.
    check(1_795_339_999, 1_795_340_000, &[refund]);
    check(1_795_338_932, 1_795_339_999, &[]);
}

#[test]
fn odd_numbers_are_not_believed() {
    let base = "/result/transactions/1";
    for (field, value) in [
        ("amount", json!(-1)),
        ("amount", json!(1.5)),
        ("amount", json!(u64::MAX)),
        ("date", json!(-1)),
        ("date", json!(i64::MAX)),
        ("source/subscription_period", json!(i64::MAX)),
        ("source/user", json!({})),
    ] {
        let body = altered("telegram/transactions", &format!("{base}/{field}"), value.clone());
        let error = step(telegram().payment("stxCharge-0001").unwrap(), 200, &body).err().unwrap();
        assert_eq!(error.kind, GatewayErrorKind::OutcomeUnknown, "{field} {value}");
    }
}
