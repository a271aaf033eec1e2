//! Fiscal receipts (54-FZ): `YooKassa` refuses one whose sum is not the payment's.

use super::amount;
use crate::{
    adapter::{rejected, shortened},
    settings::YookassaSettings,
};
use domain::{billing::Money, port::GatewayError};
use serde_json::{Value, json};

const MAX_ITEM_CHARS: usize = 128;

/// The receipt over one thing that costs `price`.
pub(super) fn receipt(
    settings: &YookassaSettings,
    email: Option<&str>,
    item: &str,
    price: Money,
) -> Result<Value, GatewayError> {
    let email = email.filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| rejected("a fiscal receipt needs an e-mail address"))?;
    let mut receipt = json!({
        "customer": { "email": email },
        "items": [{
            "description": shortened(item, MAX_ITEM_CHARS),
            "quantity": 1,
            "amount": amount(price)?,
            "vat_code": settings.vat_code,
            "payment_subject": settings.payment_subject,
            "payment_mode": settings.payment_mode,
        }],
    });
    if let Some(code) = settings.tax_system_code {
        receipt["tax_system_code"] = json!(code);
    }
    Ok(receipt)
}
