//! Reading what the shop asks of YooKassa.

use super::{error::Refusal, payment::kopecks, receipt};
use crate::{
    fields::{Object, parse},
    protocol::{Body, whole},
    trouble::{Invalid, Trouble, Why},
};
use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::billing::{Currency, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How people may pay, and whether that can be saved for later charges.
const METHODS: [(&str, bool); 10] = [
    ("bank_card", true),
    ("sbp", true),
    ("yoo_money", true),
    ("sberbank", true),
    ("tinkoff_bank", true),
    ("mir_pay", true),
    ("mobile_balance", false),
    ("cash", false),
    ("sber_loan", false),
    ("sber_bnpl", false),
];

/// Fields of a payment. The last three are the SDK's: empty lists of what only some shops have.
const PAYMENT_FIELDS: &[&str] = &[
    "amount",
    "capture",
    "description",
    "confirmation",
    "payment_method_data",
    "payment_method_id",
    "save_payment_method",
    "merchant_customer_id",
    "metadata",
    "receipt",
    "client_ip",
    "recipient",
    "transfers",
    "statements",
    "sources",
];
const REFUND_FIELDS: &[&str] = &["payment_id", "amount", "description", "receipt", "metadata", "sources"];

/// A request that changes something, its body read as JSON.
pub(super) struct Posted {
    /// Who asks.
    pub(super) shop_id: String,
    /// By what a repeat is known.
    pub(super) key: String,
    /// What is asked.
    pub(super) body: Value,
}

/// A payment that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PaymentOrder {
    #[serde(with = "kopecks")]
    pub(super) amount: Money,
    pub(super) capture: bool,
    pub(super) description: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) merchant_customer_id: Option<String>,
    pub(super) has_receipt: bool,
    pub(super) by: By,
}

/// How a payment is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum By {
    /// By the payer, on a page.
    Page {
        /// Where the payer goes afterwards.
        return_url: String,
        /// The method, where the shop chooses it.
        kind: Option<String>,
        /// Whether it is to be saved.
        saves: bool,
    },
    /// By a saved method.
    Saved(String),
}

/// A refund that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefundOrder {
    pub(super) payment_id: String,
    #[serde(with = "kopecks")]
    pub(super) amount: Money,
    pub(super) description: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) has_receipt: bool,
}

/// Checks shop id and secret key, of which any will do, and gives the shop id.
pub(super) fn admit(headers: &HeaderMap) -> Result<String, Refusal> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let login = value.strip_prefix("Basic ").and_then(|encoded| STANDARD.decode(encoded).ok());
    let login = login.and_then(|login| String::from_utf8(login).ok()).unwrap_or_default();
    match login.split_once(':') {
        Some((shop_id, secret)) if !shop_id.is_empty() && !secret.is_empty() => Ok(shop_id.to_owned()),
        _ => Err(Trouble::NoKey.into()),
    }
}

/// Reads a request that changes something.
pub(super) fn posted(headers: &HeaderMap, body: Body) -> Result<Posted, Refusal> {
    let shop_id = admit(headers)?;
    let key = idempotence_key(headers)?;
    let body = whole(body)?;
    // A capture or cancellation of the whole payment needs no body.
    let body = if body.is_empty() { json!({}) } else { json_body(headers, &body)? };
    Ok(Posted { shop_id, key, body })
}

fn json_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::content_type());
    }
    Ok(parse(body)?)
}

fn idempotence_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let key = headers.get("idempotence-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
    match key.len() {
        1..=64 if key.bytes().all(is_known) => Ok(key.to_owned()),
        _ => Err(Refusal::wrong("Idempotence-Key", "Idempotence-Key must be 1 to 64 of 0-9a-zA-Z+-_.")),
    }
}

/// Reads a payment.
pub(super) fn payment(body: &Value) -> Result<PaymentOrder, Invalid> {
    let body = Object::at("", body)?;
    body.only(PAYMENT_FIELDS)?;
    for name in ["transfers", "statements", "sources"] {
        empty_list(&body, name)?;
    }
    let amount = amount(&body, "amount")?;
    text_within(&body, "client_ip", 45)?;
    if let Some(recipient) = body.object("recipient")? {
        recipient.only(&["gateway_id"])?;
        recipient.require_text("gateway_id")?;
    }
    Ok(PaymentOrder {
        amount,
        capture: body.flag("capture")?,
        description: text_within(&body, "description", 128)?,
        metadata: metadata(&body)?,
        merchant_customer_id: text_within(&body, "merchant_customer_id", 200)?,
        has_receipt: receipt::read(&body, amount)?,
        by: by(&body)?,
    })
}

fn by(body: &Object<'_>) -> Result<By, Invalid> {
    let (kind, saves) = (method_kind(body)?, body.flag("save_payment_method")?);
    let Some(id) = body.text("payment_method_id")? else {
        let return_url = return_url(body)?;
        let can_be_saved = |kind: &String| METHODS.contains(&(kind.as_str(), true));
        if saves && !kind.as_ref().is_none_or(can_be_saved) {
            let why = "this payment method cannot be saved".to_owned();
            return Err(body.wrong("save_payment_method", Why::Other(why)));
        }
        return Ok(By::Page { return_url, kind, saves });
    };
    for (name, is_given) in [
        ("confirmation", body.get("confirmation").is_some()),
        ("payment_method_data", kind.is_some()),
        ("save_payment_method", saves),
    ] {
        if is_given {
            return Err(body.wrong(name, Why::Other(format!("{name} is not taken with payment_method_id"))));
        }
    }
    body.require_text("payment_method_id")?;
    Ok(By::Saved(id.to_owned()))
}

fn method_kind(body: &Object<'_>) -> Result<Option<String>, Invalid> {
    let Some(data) = body.object("payment_method_data")? else { return Ok(None) };
    let kind = data.require_text("type")?;
    if !METHODS.iter().any(|(known, _)| *known == kind) {
        return Err(data.wrong("type", Why::Other(format!("payment method {kind} is not available"))));
    }
    match kind {
        "mobile_balance" => {
            data.only(&["type", "phone"])?;
            data.require_text_within("phone", 15)?;
        }
        _ => data.only(&["type", "phone"])?,
    }
    Ok(Some(kind.to_owned()))
}

/// Of the ways to confirm a payment, only the page of the service is played.
fn return_url(body: &Object<'_>) -> Result<String, Invalid> {
    body.require("confirmation")?;
    let Some(confirmation) = body.object("confirmation")? else { return Ok(String::new()) };
    confirmation.require_text("type")?;
    confirmation.one_of("type", &["redirect"])?;
    confirmation.only(&["type", "return_url", "enforce", "locale"])?;
    confirmation.flag("enforce")?;
    confirmation.one_of("locale", &["ru_RU", "en_US"])?;
    let url = confirmation.require_text_within("return_url", 2_048)?;
    match reqwest::Url::parse(url) {
        Ok(parsed) if ["http", "https"].contains(&parsed.scheme()) => Ok(url.to_owned()),
        _ => Err(confirmation.wrong("return_url", Why::Other("return_url must be a URL".to_owned()))),
    }
}

/// Reads a refund.
pub(super) fn refund(body: &Value) -> Result<RefundOrder, Invalid> {
    let body = Object::at("", body)?;
    body.only(REFUND_FIELDS)?;
    empty_list(&body, "sources")?;
    let amount = amount(&body, "amount")?;
    Ok(RefundOrder {
        payment_id: body.require_text("payment_id")?.to_owned(),
        amount,
        description: text_within(&body, "description", 250)?,
        metadata: metadata(&body)?,
        has_receipt: receipt::read(&body, amount)?,
    })
}

/// Reads the body of a capture or cancellation: how much, where it says so.
pub(super) fn part(body: &Value) -> Result<Option<Money>, Invalid> {
    let body = Object::at("", body)?;
    body.only(&["amount"])?;
    body.get("amount").map(|_| amount(&body, "amount")).transpose()
}

/// Reads an amount: above nothing, in roubles, as a string with two decimals.
pub(super) fn amount(body: &Object<'_>, name: &str) -> Result<Money, Invalid> {
    body.require(name)?;
    let Some(amount) = body.object(name)? else { return Err(body.wrong(name, Why::Missing)) };
    amount.only(&["value", "currency"])?;
    let value = amount.require_text("value")?;
    amount.require_text("currency")?;
    amount.one_of("currency", &["RUB"])?;
    // Shown again it must be the same, or it had not two decimals.
    let money = Money::parse(value, Currency::Rub).filter(|money| money.to_string() == value);
    match money {
        Some(money) if money.amount_minor > 0 => Ok(money),
        _ => Err(amount.wrong("value", Why::Other("value must be like \"199.00\" and above 0".to_owned()))),
    }
}

fn metadata(body: &Object<'_>) -> Result<Option<Value>, Invalid> {
    let Some(metadata) = body.get("metadata") else { return Ok(None) };
    let wrong = |why: &str| Err(body.wrong("metadata", Why::Other(format!("metadata: {why}"))));
    let Value::Object(map) = metadata else { return wrong("must be an object") };
    if map.len() > 16 {
        return wrong("has more than 16 keys");
    }
    for (name, value) in map {
        match value {
            _ if name.is_empty() || name.chars().count() > 32 => {
                return wrong("a name has 1 to 32 characters");
            }
            Value::String(text) if text.chars().count() <= 512 => {}
            _ => return wrong("a value is a string of at most 512 characters"),
        }
    }
    Ok(Some(metadata.clone()))
}

fn empty_list(body: &Object<'_>, name: &str) -> Result<(), Invalid> {
    match body.get(name) {
        None => Ok(()),
        Some(Value::Array(items)) if items.is_empty() => Ok(()),
        Some(_) => Err(body.wrong(name, Why::Other(format!("{name} are not available to this shop")))),
    }
}

fn text_within(body: &Object<'_>, name: &str, max: usize) -> Result<Option<String>, Invalid> {
    match body.text(name)? {
        Some(text) if text.chars().count() > max => {
            Err(body.wrong(name, Why::TooLong { got: text.chars().count(), max }))
        }
        text => Ok(text.map(str::to_owned)),
    }
}
