//! What the client does over real sockets.

use crate::support::{PAYMENT, REFERENCE, fixture, gateway, order, refund_order, settings};
use domain::{
    billing::Money,
    port::{
        Charge, GatewayErrorKind, GatewayPayment, GatewayRecord, GatewayRefundStatus, PaymentGateway,
        PaymentMethod, PaymentOrder,
    },
    time::Timestamp,
};
use payments::PaymentsSettings;
use serde_json::json;
use std::time::Duration;
use testkit::{RawServer, Then};
use tokio::{net::TcpSocket, time::Instant};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, method, path, query_param},
};

/// Longer than any call here takes, unless it hangs.
const SOON: Duration = Duration::from_secs(20);

fn once() -> PaymentOrder {
    order(Money::kopecks(89_000), Charge::Once)
}

fn good() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(fixture("yookassa/payment_pending"), "application/json")
}

/// A service that gives `bad` so many times and then answers.
async fn failing(bad: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(bad).up_to_n_times(times).mount(&server).await;
    Mock::given(any()).respond_with(good()).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

async fn create(settings: &PaymentsSettings) -> Result<GatewayPayment, GatewayErrorKind> {
    let gateway = gateway(PaymentMethod::Yookassa, settings);
    let created = tokio::time::timeout(SOON, gateway.create(&once())).await.unwrap();
    created.map_err(|error| error.kind)
}

async fn read_back(settings: &PaymentsSettings) -> Result<GatewayPayment, GatewayErrorKind> {
    let gateway = gateway(PaymentMethod::Yookassa, settings);
    let payment = tokio::time::timeout(SOON, gateway.payment(PAYMENT)).await.unwrap();
    payment.map_err(|error| error.kind)
}

#[tokio::test]
async fn requests_carry_the_key_where_it_belongs() {
    let server = failing(good(), 1).await;
    create(&settings(&server.uri())).await.unwrap();
    let all = requests(&server).await;
    let [request] = all.as_slice() else { panic!("one order is one request") };
    assert_eq!(request.url.path(), "/yookassa/v3/payments");
    // base64 of `100500:test_secret-4711`.
    assert_eq!(request.headers["authorization"], "Basic MTAwNTAwOnRlc3Rfc2VjcmV0LTQ3MTE=");
    assert_eq!(request.headers["idempotence-key"], REFERENCE);
    assert_eq!(request.headers["content-type"], "application/json");
}

#[tokio::test]
async fn the_token_stands_in_the_path() {
    let server = MockServer::start().await;
    let answer = json!({ "ok": true, "result": "https://t.me/$abc" });
    Mock::given(method("POST"))
        .and(path("/telegram/bot123456:secret-4711/createInvoiceLink"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let gateway = gateway(PaymentMethod::TelegramStars, &settings(&server.uri()));
    let created = gateway.create(&order(Money::stars(742), Charge::Once)).await.unwrap();
    assert_eq!(created.confirmation_url.as_deref(), Some("https://t.me/$abc"));
}

#[tokio::test]
async fn trouble_is_tried_again_by_the_same_key() {
    for status in [202, 408, 429, 500, 502, 503] {
        let server = failing(ResponseTemplate::new(status), 2).await;
        assert!(create(&settings(&server.uri())).await.is_ok(), "{status}");
        let requests = requests(&server).await;
        assert_eq!(requests.len(), 3, "{status}");
        for request in &requests {
            assert_eq!(request.headers["idempotence-key"], REFERENCE);
            assert_eq!(request.body, requests[0].body);
        }
    }
}

#[tokio::test]
async fn lasting_trouble_is_told() {
    for (status, kind) in [
        (202, GatewayErrorKind::OutcomeUnknown),
        (408, GatewayErrorKind::OutcomeUnknown),
        (429, GatewayErrorKind::NotTaken),
        (500, GatewayErrorKind::OutcomeUnknown),
    ] {
        let server = failing(ResponseTemplate::new(status), 3).await;
        assert_eq!(create(&settings(&server.uri())).await, Err(kind), "{status}");
        assert_eq!(requests(&server).await.len(), 3, "{status}");
    }
}

#[tokio::test]
async fn what_a_repeat_cannot_mend_is_not_repeated() {
    for (status, kind) in [
        (307, GatewayErrorKind::OutcomeUnknown),
        (400, GatewayErrorKind::Rejected),
        (401, GatewayErrorKind::BadKey),
        (403, GatewayErrorKind::Rejected),
        (404, GatewayErrorKind::NotFound),
    ] {
        let bad = ResponseTemplate::new(status).insert_header("location", "/elsewhere");
        let server = failing(bad, 1).await;
        assert_eq!(create(&settings(&server.uri())).await, Err(kind), "{status}");
        assert_eq!(requests(&server).await.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_may_have_happened_once_stays_unknown() {
    for second in [400, 401, 404, 429] {
        let check = async |first: u16, read_only: bool| {
            let server = MockServer::start().await;
            let first = ResponseTemplate::new(first);
            Mock::given(any()).respond_with(first).up_to_n_times(1).mount(&server).await;
            Mock::given(any()).respond_with(ResponseTemplate::new(second)).mount(&server).await;
            let settings = settings(&server.uri());
            if read_only { read_back(&settings).await } else { create(&settings).await }.unwrap_err()
        };
        assert_eq!(check(500, false).await, GatewayErrorKind::OutcomeUnknown, "{second}");
        assert_ne!(check(429, false).await, GatewayErrorKind::OutcomeUnknown, "{second}");
        assert_ne!(check(500, true).await, GatewayErrorKind::OutcomeUnknown, "{second}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_so_long() {
    let server = failing(good().set_delay(SOON), 1).await;
    let settings = PaymentsSettings { attempt_timeout_ms: 1_000, ..settings(&server.uri()) };
    assert!(create(&settings).await.is_ok());
    assert_eq!(requests(&server).await.len(), 2);

    let server = failing(good().set_delay(SOON), 3).await;
    let settings =
        PaymentsSettings { timeout_ms: 150, yookassa: self::settings(&server.uri()).yookassa, ..settings };
    let begun_at = Instant::now();
    assert_eq!(create(&settings).await, Err(GatewayErrorKind::OutcomeUnknown));
    assert!(begun_at.elapsed() < SOON / 2);
}

#[tokio::test]
async fn a_cut_answer_says_nothing() {
    let body = fixture("yookassa/payment_pending");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let server = RawServer::start([head.as_bytes(), &body[..body.len() / 2]].concat(), Then::Close).await;
    assert_eq!(create(&settings(&server.url)).await, Err(GatewayErrorKind::OutcomeUnknown));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn an_endless_answer_is_left() {
    let server = failing(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 5 * 1024 * 1024]), 9).await;
    assert_eq!(create(&settings(&server.uri())).await, Err(GatewayErrorKind::OutcomeUnknown));
}

#[tokio::test]
async fn a_service_that_is_not_there_has_taken_nothing() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    assert_eq!(create(&settings(&url)).await, Err(GatewayErrorKind::NotTaken));
    assert_eq!(read_back(&settings(&url)).await, Err(GatewayErrorKind::NotTaken));
}

#[tokio::test]
async fn short_waits_are_waited_and_long_ones_left() {
    let check = async |bad: ResponseTemplate, is_waited: bool| {
        let server = failing(bad, 1).await;
        let settings = PaymentsSettings { timeout_ms: 5_000, ..settings(&server.uri()) };
        let begun_at = Instant::now();
        assert_eq!(create(&settings).await.is_ok(), is_waited);
        if is_waited {
            assert!(begun_at.elapsed() >= Duration::from_millis(50));
        } else {
            assert_eq!(requests(&server).await.len(), 1);
        }
    };
    let limited = || ResponseTemplate::new(429);
    check(limited().set_body_json(json!({ "type": "error", "retry_after": 50 })), true).await;
    check(limited().set_body_json(json!({ "type": "error", "retry_after": 5_000 })), false).await;
    check(limited().insert_header("retry-after", "1"), true).await;
    check(limited().insert_header("retry-after", "5"), false).await;
    check(limited().insert_header("retry-after", "18446744073709551615"), false).await;
}

#[tokio::test]
async fn a_list_without_an_end_is_left() {
    let page = json!({ "type": "list", "items": [], "next_cursor": "again" });
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(page)).mount(&server).await;
    let gateway = gateway(PaymentMethod::Yookassa, &settings(&server.uri()));
    let records = gateway.records(Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(1)).await;
    assert_eq!(records.unwrap_err().kind, GatewayErrorKind::OutcomeUnknown);
    assert_eq!(requests(&server).await.len(), 1_000);
}

/// A bot's books go back to its first day, however many pages that are.
#[tokio::test]
async fn long_books_of_a_bot_are_read_to_their_end() {
    let server = MockServer::start().await;
    let transaction = |id: usize| {
        let source = json!({ "type": "user", "transaction_type": "invoice_payment", "user": { "id": 42 } });
        json!({ "id": format!("stx{id}"), "amount": 1, "date": 1, "source": source })
    };
    let page = move |request: &Request| {
        let offset = request.url.query_pairs().find(|(name, _)| name == "offset").unwrap();
        let offset: usize = offset.1.parse().unwrap();
        let transactions = (offset < 1_200).then(|| transaction(offset));
        let transactions: Vec<_> = transactions.into_iter().collect();
        ResponseTemplate::new(200)
            .set_body_json(json!({ "ok": true, "result": { "transactions": transactions } }))
    };
    Mock::given(any()).respond_with(page).mount(&server).await;
    let gateway = gateway(PaymentMethod::TelegramStars, &settings(&server.uri()));
    let records = gateway.records(Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(i64::MAX)).await;
    assert_eq!(records.unwrap().len(), 1_200);
}

#[tokio::test]
async fn lists_are_followed_to_their_ends() {
    let server = MockServer::start().await;
    let item = |name: &str| serde_json::from_slice::<serde_json::Value>(&fixture(name)).unwrap();
    let answer = |value: serde_json::Value| ResponseTemplate::new(200).set_body_json(value);
    let last = json!({ "type": "list", "items": [item("yookassa/payment_canceled")] });
    Mock::given(path("/yookassa/v3/payments"))
        .and(query_param("cursor", "a+b&c"))
        .and(query_param("created_at.gte", "2026-11-22T09:15:30.125Z"))
        .respond_with(answer(last))
        .mount(&server)
        .await;
    let first =
        json!({ "type": "list", "items": [item("yookassa/payment_succeeded")], "next_cursor": "a+b&c" });
    Mock::given(path("/yookassa/v3/payments")).respond_with(answer(first)).mount(&server).await;
    let refunds = json!({ "type": "list", "items": [item("yookassa/refund_succeeded")] });
    Mock::given(path("/yookassa/v3/refunds")).respond_with(answer(refunds)).mount(&server).await;
    let gateway = gateway(PaymentMethod::Yookassa, &settings(&server.uri()));
    let from = Timestamp::from_unix_ms(1_795_338_930_125);
    let records = gateway.records(from, from.plus_ms(1_000)).await.unwrap();
    assert!(matches!(
        records.as_slice(),
        [GatewayRecord::Payment(_), GatewayRecord::Payment(_), GatewayRecord::Refund(_)]
    ));
    assert_eq!(requests(&server).await.len(), 3);
}

#[tokio::test]
async fn a_star_refund_whose_answer_was_lost_is_found_done() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(502)).up_to_n_times(1).mount(&server).await;
    let done =
        json!({ "ok": false, "error_code": 400, "description": "Bad Request: CHARGE_ALREADY_REFUNDED" });
    Mock::given(path("/telegram/bot123456:secret-4711/refundStarPayment"))
        .respond_with(ResponseTemplate::new(400).set_body_json(done))
        .mount(&server)
        .await;
    let gateway = gateway(PaymentMethod::TelegramStars, &settings(&server.uri()));
    let refund = gateway.refund(&refund_order(Money::stars(742), "stxCharge-0001")).await.unwrap();
    assert_eq!(refund.status, GatewayRefundStatus::Succeeded);
}

#[tokio::test]
async fn without_access_nothing_is_asked() {
    for method in PaymentMethod::ALL {
        let gateway = gateway(method, &PaymentsSettings::default());
        assert_eq!(gateway.create(&once()).await.unwrap_err().kind, GatewayErrorKind::NotConfigured);
        assert_eq!(gateway.payment(PAYMENT).await.unwrap_err().kind, GatewayErrorKind::NotConfigured);
    }
}

#[tokio::test]
async fn what_a_service_does_not_do_is_done_at_once() {
    let gateway = gateway(PaymentMethod::Yookassa, &PaymentsSettings::default());
    assert_eq!(gateway.set_renewal("1", PAYMENT, false).await, Ok(()));
    assert_eq!(gateway.answer_pre_checkout("1", None).await, Ok(()));
}
