//! Invoices: what a link asks for.

use super::{call::Call, error::Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only period of subscriptions, in seconds: 30 days.
pub(super) const PERIOD_S: i64 = 2_592_000;
/// Stars of a subscription, at most.
const MAX_SUBSCRIPTION_STARS: i64 = 10_000;

/// An invoice behind a link, which can be paid often.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Invoice {
    pub(super) token: String,
    pub(super) title: String,
    pub(super) payload: String,
    pub(super) amount_stars: i64,
    /// Whether it is paid again each period.
    pub(super) is_subscription: bool,
    /// Whether the payer has turned away from it.
    pub(super) is_canceled: bool,
}

impl Invoice {
    /// Reads the parameters of `createInvoiceLink`; `token` names it.
    pub(super) fn read(call: &Call, token: impl FnOnce(&str) -> String) -> Result<Self, Refusal> {
        let title = within(call, "title", 32, "INVOICE_TITLE_INVALID")?;
        within(call, "description", 255, "INVOICE_DESCRIPTION_INVALID")?;
        let payload = call.require_text("payload")?;
        if payload.len() > 128 {
            return Err(Refusal::bad("INVOICE_PAYLOAD_INVALID"));
        }
        if call.text("provider_token").is_some() {
            return Err(Refusal::bad("PAYMENT_PROVIDER_INVALID"));
        }
        if call.require_text("currency")? != "XTR" {
            return Err(Refusal::bad("CURRENCY_INVALID"));
        }
        let amount_stars = price(call)?;
        let period_s = call.integer("subscription_period")?.filter(|period_s| *period_s != 0);
        if period_s.is_some_and(|period_s| period_s != PERIOD_S) {
            return Err(Refusal::bad("SUBSCRIPTION_PERIOD_INVALID"));
        }
        if period_s.is_some() && amount_stars > MAX_SUBSCRIPTION_STARS {
            return Err(Refusal::bad("CURRENCY_TOTAL_AMOUNT_INVALID"));
        }
        if call.integer("max_tip_amount")?.is_some_and(|amount| amount != 0) {
            return Err(Refusal::bad("MAX_TIP_AMOUNT_INVALID"));
        }
        Ok(Self {
            token: token(payload),
            title: title.to_owned(),
            payload: payload.to_owned(),
            amount_stars,
            is_subscription: period_s.is_some(),
            is_canceled: false,
        })
    }
}

fn within<'a>(call: &'a Call, name: &str, max: usize, error: &str) -> Result<&'a str, Refusal> {
    let text = call.require_text(name)?;
    if text.chars().count() > max { Err(Refusal::bad(error)) } else { Ok(text) }
}

/// The one price, in whole Stars.
fn price(call: &Call) -> Result<i64, Refusal> {
    let prices = call.list("prices")?.ok_or_else(|| Refusal::missing("prices"))?;
    let [price] = prices.as_slice() else { return Err(Refusal::bad("STARS_INVOICE_INVALID")) };
    let label = price.get("label").and_then(Value::as_str).unwrap_or_default();
    if label.is_empty() {
        return Err(Refusal::bad("can't parse labeled price: field \"label\" must be of type String"));
    }
    let amount = price.get("amount").and_then(Value::as_i64);
    let amount = amount
        .ok_or_else(|| Refusal::bad("can't parse labeled price: field \"amount\" must be of type Number"))?;
    if amount < 1 { Err(Refusal::bad("CURRENCY_TOTAL_AMOUNT_INVALID")) } else { Ok(amount) }
}
