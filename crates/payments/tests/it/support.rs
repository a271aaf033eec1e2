//! Orders, settings and answers that tests share.

use domain::{
    billing::Money,
    id::{AccountId, PaymentId, RefundId},
    port::{Charge, GatewayError, PaymentMethod, PaymentOrder, RefundOrder},
};
use http::StatusCode;
use payments::{
    Exchange, Gateway, PaymentsSettings, Request, Response, Step, Telegram, TelegramSettings, Yookassa,
    YookassaSettings,
};
use serde_json::Value;

pub const REFERENCE: &str = "0123456789abcdef0123456789abcdef";
pub const REFUND_REFERENCE: &str = "fedcba9876543210fedcba9876543210";
pub const PAYMENT: &str = "2f0e8c1a-000f-5000-8000-1a2b3c4d5e6f";
pub const REFUND: &str = "2f0e9d33-0015-5000-9000-0f1e2d3c4b5a";
pub const SHOP_KEY: &str = "test_secret-4711";
pub const TOKEN: &str = "123456:secret-4711";
pub const WEBHOOK_SECRET: &str = "hook-secret-4711";

pub fn order(amount: Money, charge: Charge) -> PaymentOrder {
    PaymentOrder {
        payment_id: PaymentId(7_001),
        account_id: AccountId(42),
        reference: REFERENCE.to_owned(),
        amount,
        title: "Plan vip".to_owned(),
        description: "Plan vip for one month".to_owned(),
        charge,
        return_url: Some("https://example.org/account".to_owned()),
        receipt_email: Some("ann@example.org".to_owned()),
    }
}

pub fn refund_order(amount: Money, gateway_id: &str) -> RefundOrder {
    RefundOrder {
        refund_id: RefundId(7_002),
        reference: REFUND_REFERENCE.to_owned(),
        gateway_id: gateway_id.to_owned(),
        payer_id: Some("5000000001".to_owned()),
        amount,
        description: "Unused part".to_owned(),
        receipt_email: Some("ann@example.org".to_owned()),
    }
}

/// Both services at `url`, quick to give up, and never patient.
pub fn settings(url: &str) -> PaymentsSettings {
    PaymentsSettings {
        yookassa: YookassaSettings {
            shop_id: "100500".to_owned(),
            secret_key: SHOP_KEY.into(),
            base_url: format!("{url}/yookassa/v3/"),
            ..YookassaSettings::default()
        },
        telegram: TelegramSettings {
            bot_token: TOKEN.into(),
            base_url: format!("{url}/telegram/"),
            webhook_secret: WEBHOOK_SECRET.into(),
            ..TelegramSettings::default()
        },
        first_backoff_ms: 1,
        ..PaymentsSettings::default()
    }
}

pub fn yookassa() -> Yookassa {
    Yookassa::new(settings("http://localhost").yookassa)
}

pub fn telegram() -> Telegram {
    Telegram::new(settings("http://localhost").telegram)
}

pub fn gateway(method: PaymentMethod, settings: &PaymentsSettings) -> Gateway {
    Gateway::new(method, settings).unwrap()
}

pub fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fixture with the value at `pointer` replaced; `Null` there removes nothing, it is null.
pub fn altered(name: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&fixture(name)).unwrap();
    *json.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value;
    json.to_string().into_bytes()
}

pub fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// What an exchange makes of its one answer.
pub fn read<T>(exchange: Exchange<T>, status: u16, body: &[u8]) -> Result<T, GatewayError> {
    match step(exchange, status, body)? {
        Step::Done(result) => Ok(result),
        Step::Send(_) => panic!("one answer is enough"),
    }
}

pub fn step<T>(exchange: Exchange<T>, status: u16, body: &[u8]) -> Result<Step<T>, GatewayError> {
    let status = StatusCode::from_u16(status).unwrap();
    (exchange.read)(&Response { status, body: body.to_vec() })
}

/// The exchange that follows a page of a list.
pub fn next<T>(exchange: Exchange<T>, body: &[u8]) -> Exchange<T> {
    match step(exchange, 200, body).unwrap() {
        Step::Send(next) => *next,
        Step::Done(_) => panic!("there is more"),
    }
}

pub fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}
