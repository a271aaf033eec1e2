//! `YooKassa` API v3: <https://yookassa.ru/developers/api>. Cards and SBP; the payer chooses on `YooKassa`'s page.
//!
//! Renewals are ours: the first payment saves the method, later ones are charged by it. Messages of the service bear no
//! proof, so they only say what to read back.

mod error;
mod lists;
mod notification;
mod object;
mod receipt;

use crate::{
    adapter::{Access, Adapter, Exchange, Request, Response, rejected, shortened},
    settings::YookassaSettings,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    billing::{Currency, Money},
    port::{
        Charge, GatewayError, GatewayErrorKind, GatewayPayment, GatewayRecord, GatewayRefund, Notification,
        NotificationError, PaymentMethod, PaymentOrder, RefundOrder,
    },
    time::Timestamp,
};
use http::{HeaderName, HeaderValue};
use object::{PaymentObject, RefundObject};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::Duration;

/// The adapter of `YooKassa`.
pub struct Yookassa {
    settings: YookassaSettings,
}

/// The service's own spelling.
const IDEMPOTENCE_KEY: HeaderName = HeaderName::from_static("idempotence-key");
const MAX_KEY_CHARS: usize = 64;
const MAX_RETURN_URL_BYTES: usize = 2_048;
const MAX_PAYMENT_DESCRIPTION_CHARS: usize = 128;
const MAX_REFUND_DESCRIPTION_CHARS: usize = 250;

impl Yookassa {
    /// The adapter of that shop.
    pub fn new(settings: YookassaSettings) -> Self {
        Self { settings }
    }
}

impl Adapter for Yookassa {
    fn method(&self) -> PaymentMethod {
        PaymentMethod::Yookassa
    }

    fn access(&self) -> Option<Access> {
        let YookassaSettings { shop_id, secret_key, base_url, .. } = &self.settings;
        if !self.settings.is_configured() {
            return None;
        }
        let user = STANDARD.encode(format!("{shop_id}:{}", secret_key.expose_secret()));
        let mut authorization = HeaderValue::from_str(&format!("Basic {user}")).ok()?;
        authorization.set_sensitive(true);
        Some(Access {
            base_url: base_url.trim_end_matches('/').into(),
            authorization: Some(authorization),
            secrets: vec![secret_key.clone(), SecretString::from(user)],
        })
    }

    fn create(&self, order: &PaymentOrder) -> Result<Exchange<GatewayPayment>, GatewayError> {
        let mut body = json!({
            "amount": amount(order.amount)?,
            "capture": true,
            "description": shortened(&order.description, MAX_PAYMENT_DESCRIPTION_CHARS),
            "metadata": {
                "reference": order.reference,
                "payment_id": order.payment_id.to_string(),
                "account_id": order.account_id.to_string(),
            },
        });
        match &order.charge {
            Charge::Once => body["confirmation"] = confirmation(order)?,
            Charge::Recurring => {
                body["confirmation"] = confirmation(order)?;
                body["save_payment_method"] = json!(true);
            }
            Charge::Saved { saved_method_id } => body["payment_method_id"] = json!(saved_method_id),
        }
        if self.settings.receipts {
            let email = order.receipt_email.as_deref();
            body["receipt"] = receipt::receipt(&self.settings, email, &order.description, order.amount)?;
        }
        let request = post("/payments", &order.reference, &body)?;
        Ok(Exchange::once(request, |response| error::read::<PaymentObject>(response)?.payment()))
    }

    fn payment(&self, gateway_id: &str) -> Result<Exchange<GatewayPayment>, GatewayError> {
        let request = Request::get(format!("/payments/{}", path_segment(gateway_id)?), Vec::new());
        Ok(Exchange::once(request, |response| error::read::<PaymentObject>(response)?.payment()))
    }

    fn refund(&self, order: &RefundOrder) -> Result<Exchange<GatewayRefund>, GatewayError> {
        let mut body = json!({
            "payment_id": order.gateway_id,
            "amount": amount(order.amount)?,
            "description": shortened(&order.description, MAX_REFUND_DESCRIPTION_CHARS),
            "metadata": { "reference": order.reference, "refund_id": order.refund_id.to_string() },
        });
        if self.settings.receipts {
            let email = order.receipt_email.as_deref();
            body["receipt"] = receipt::receipt(&self.settings, email, &order.description, order.amount)?;
        }
        let request = post("/refunds", &order.reference, &body)?;
        Ok(Exchange::once(request, |response| error::read::<RefundObject>(response)?.refund()))
    }

    fn refund_status(&self, gateway_id: &str, _: &str) -> Result<Exchange<GatewayRefund>, GatewayError> {
        let request = Request::get(format!("/refunds/{}", path_segment(gateway_id)?), Vec::new());
        Ok(Exchange::once(request, |response| error::read::<RefundObject>(response)?.refund()))
    }

    /// The service charges nothing by itself.
    fn set_renewal(&self, _: &str, _: &str, _: bool) -> Result<Option<Exchange<()>>, GatewayError> {
        Ok(None)
    }

    fn records(&self, from: Timestamp, to: Timestamp) -> Exchange<Vec<GatewayRecord>> {
        lists::records(from, to)
    }

    /// They are asked for by their time: a hundred thousand movements of a few days.
    fn max_pages(&self) -> usize {
        1_000
    }

    /// The service does not ask.
    fn answer_pre_checkout(&self, _: &str, _: Option<&str>) -> Option<Exchange<()>> {
        None
    }

    fn asked_wait(&self, response: &Response) -> Option<Duration> {
        error::asked_wait(response)
    }

    fn proof_header(&self) -> Option<&'static str> {
        None
    }

    fn read_notification(&self, _: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError> {
        notification::read(body)
    }
}

/// The service knows a repeat by its key.
fn post(path: &str, reference: &str, body: &Value) -> Result<Request, GatewayError> {
    let key = HeaderValue::from_str(reference).ok().filter(|_| is_key(reference));
    let key = key.ok_or_else(|| rejected("the reference cannot be a key of YooKassa's"))?;
    let mut request = Request::post(path, body);
    request.headers.insert(IDEMPOTENCE_KEY, key);
    Ok(request)
}

/// Whether a reference of ours can be its key at the service.
fn is_key(reference: &str) -> bool {
    let is_key_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
    (1..=MAX_KEY_CHARS).contains(&reference.len()) && reference.bytes().all(is_key_byte)
}

fn amount(amount: Money) -> Result<Value, GatewayError> {
    if amount.currency != Currency::Rub || amount.amount_minor <= 0 {
        return Err(rejected("YooKassa is asked for roubles only, and for more than none"));
    }
    Ok(json!({ "value": amount.to_string(), "currency": amount.currency.code() }))
}

fn confirmation(order: &PaymentOrder) -> Result<Value, GatewayError> {
    let url = order.return_url.as_deref().filter(|url| (1..=MAX_RETURN_URL_BYTES).contains(&url.len()));
    let url = url.ok_or_else(|| {
        rejected(format!(
            "a payment page needs an address to return to, of at most {MAX_RETURN_URL_BYTES} bytes"
        ))
    })?;
    Ok(json!({ "type": "redirect", "return_url": url }))
}

/// An id as a part of a path. Those that come with notifications are anybody's words.
fn path_segment(id: &str) -> Result<&str, GatewayError> {
    let not_found = || GatewayError::new(GatewayErrorKind::NotFound, "this is no id of YooKassa's");
    object::is_id(id).then_some(id).ok_or_else(not_found)
}
