//! What must not get into messages.

use crate::support::{PAYMENT, SHOP_KEY, TOKEN, WEBHOOK_SECRET, gateway, settings};
use domain::port::{PaymentGateway, PaymentMethod};
use payments::PaymentsSettings;
use serde_json::json;
use testkit::{RawServer, Then};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// The message of the error with which asking `method` for anything ends.
async fn message(method: PaymentMethod, settings: &PaymentsSettings) -> String {
    gateway(method, settings).payment(PAYMENT).await.unwrap_err().to_string()
}

#[tokio::test]
async fn services_that_repeat_secrets_are_not_quoted() {
    let basic = "MTAwNTAwOnRlc3Rfc2VjcmV0LTQ3MTE=";
    for secret in [SHOP_KEY, basic, TOKEN, WEBHOOK_SECRET] {
        let said = format!("wrong: {secret}\n, sorry");
        let body = json!({ "ok": false, "error_code": 403, "code": "no", "description": said });
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(403).set_body_json(body);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let is_shops = [SHOP_KEY, basic].contains(&secret);
        let method = if is_shops { PaymentMethod::Yookassa } else { PaymentMethod::TelegramStars };
        let message = message(method, &settings(&server.uri())).await;
        assert!(message.ends_with("wrong: [redacted] , sorry"), "{message}");
    }
}

#[tokio::test]
async fn half_a_secret_does_not_stay() {
    let said = format!("{}{TOKEN}", "ы".repeat(290));
    let server = MockServer::start().await;
    let body = json!({ "ok": false, "error_code": 403, "description": said });
    Mock::given(any()).respond_with(ResponseTemplate::new(403).set_body_json(body)).mount(&server).await;
    let message = message(PaymentMethod::TelegramStars, &settings(&server.uri())).await;
    assert!(message.ends_with('…') && !message.contains("1234"), "{message}");
}

#[tokio::test]
async fn failures_on_the_way_do_not_show_the_url() {
    let cut = RawServer::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec(), Then::Close).await;
    let garbage = RawServer::start(b"garbage\r\n\r\n".to_vec(), Then::Close).await;
    let slow = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(60));
    Mock::given(any()).respond_with(never).mount(&slow).await;
    let slow = slow.uri();
    // Bound, so that nobody else gets the port, and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = format!("http://{}", socket.local_addr().unwrap());
    for url in [&cut.url, &garbage.url, &slow, &nobody] {
        for method in PaymentMethod::ALL {
            let settings = PaymentsSettings { attempt_timeout_ms: 200, timeout_ms: 300, ..settings(url) };
            let message = message(method, &settings).await;
            assert!(!message.contains("4711") && !message.contains("/bot"), "{message}");
        }
    }
}

#[test]
fn settings_do_not_show_theirs() {
    let shown = format!("{:?}", settings("http://localhost"));
    assert!(!shown.contains("4711"), "{shown}");
}
