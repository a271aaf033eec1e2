//! Fiscal receipts (54-FZ): checked, and printed nowhere.

use super::request::amount;
use crate::{
    fields::Object,
    trouble::{Invalid, Why},
};
use domain::billing::Money;
use serde_json::Value;

const MAX_ITEMS: usize = 80;

const ITEM_FIELDS: &[&str] =
    &["description", "quantity", "amount", "vat_code", "payment_subject", "payment_mode", "measure"];
const SUBJECTS: &[&str] = &[
    "commodity",
    "excise",
    "job",
    "service",
    "gambling_bet",
    "gambling_prize",
    "lottery",
    "lottery_prize",
    "intellectual_activity",
    "payment",
    "agent_commission",
    "property_right",
    "non_operating_gain",
    "composite",
    "another",
];
const MODES: &[&str] = &[
    "full_prepayment",
    "partial_prepayment",
    "advance",
    "full_payment",
    "partial_payment",
    "credit",
    "credit_payment",
];
const MEASURES: &[&str] =
    &["piece", "gram", "kilogram", "day", "hour", "minute", "second", "megabyte", "another"];

/// Checks the receipt of a payment or refund of `total`; whether there is one.
pub(super) fn read(body: &Object<'_>, total: Money) -> Result<bool, Invalid> {
    let Some(receipt) = body.object("receipt")? else { return Ok(false) };
    receipt.only(&["customer", "items", "tax_system_code", "internet", "timezone"])?;
    customer(&receipt)?;
    receipt.integer_within("tax_system_code", 1, 6)?;
    receipt.flag("internet")?;
    receipt.integer_within("timezone", 1, 11)?;
    let items = receipt.require_list("items")?;
    if items.len() > MAX_ITEMS {
        return Err(receipt.wrong("items", Why::Other(format!("items: more than {MAX_ITEMS}"))));
    }
    let mut sum = Some(0_i64);
    for (index, value) in items.iter().enumerate() {
        let price = item(&Object::at(format!("{}[{index}]", receipt.path("items")), value)?)?;
        sum = sum.and_then(|sum| sum.checked_add(price));
    }
    match sum {
        Some(sum) if Some(sum) == total.amount_minor.checked_mul(1_000) => Ok(true),
        _ => Err(receipt.wrong("items", Why::Other("receipt items do not add up to amount".to_owned()))),
    }
}

fn customer(receipt: &Object<'_>) -> Result<(), Invalid> {
    receipt.require("customer")?;
    let Some(customer) = receipt.object("customer")? else { return Ok(()) };
    customer.only(&["full_name", "inn", "email", "phone"])?;
    let (email, phone) = (customer.text("email")?, customer.text("phone")?);
    let is_phone =
        |phone: &str| (4..=15).contains(&phone.len()) && phone.bytes().all(|byte| byte.is_ascii_digit());
    match (email, phone) {
        (None, None) => Err(customer.wrong("email", Why::Missing)),
        (Some(email), _) if !email.contains('@') => {
            Err(customer.wrong("email", Why::Other("email: not an address".to_owned())))
        }
        (_, Some(phone)) if !is_phone(phone) => {
            Err(customer.wrong("phone", Why::Other("phone: 4 to 15 digits without a plus".to_owned())))
        }
        _ => Ok(()),
    }
}

/// Checks an item and gives its price, in thousandths of a kopeck.
fn item(item: &Object<'_>) -> Result<i64, Invalid> {
    item.only(ITEM_FIELDS)?;
    item.require_text_within("description", 128)?;
    item.require("vat_code")?;
    item.integer_within("vat_code", 1, 12)?;
    item.one_of("payment_subject", SUBJECTS)?;
    item.one_of("payment_mode", MODES)?;
    item.one_of("measure", MEASURES)?;
    let price = amount(item, "amount")?;
    let quantity =
        quantity(item.require("quantity")?).and_then(|quantity| quantity.checked_mul(price.amount_minor));
    quantity.ok_or_else(|| item.wrong("quantity", Why::Other("quantity: like 1 or 1.500".to_owned())))
}

/// A quantity above nothing, in thousandths: a number or a string, with at most three decimals that count.
fn quantity(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) || fraction.len() > 3 {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok().filter(|quantity| *quantity > 0)
}
