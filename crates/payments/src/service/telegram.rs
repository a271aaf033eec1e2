//! Telegram Stars through a bot: <https://core.telegram.org/bots/api#payments>.
//!
//! An invoice is a link that has no id until it is paid. Renewals are Telegram's. A payment cannot be asked after by its id,
//! only found in the bot's books, so messages count when they bear the webhook's secret.

mod answer;
mod books;
mod update;

use crate::{
    adapter::{Access, Adapter, Exchange, Request, Response, rejected, shortened},
    settings::TelegramSettings,
};
use domain::{
    billing::{Currency, Money},
    port::{
        Charge, GatewayError, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord,
        GatewayRefund, GatewayRefundStatus, Notification, NotificationError, PaymentMethod, PaymentOrder,
        RefundOrder,
    },
    time::Timestamp,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The adapter of Telegram Stars.
pub struct Telegram {
    settings: TelegramSettings,
}

const PROOF_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
const MAX_TITLE_CHARS: usize = 32;
const MAX_DESCRIPTION_CHARS: usize = 255;
const MAX_PAYLOAD_BYTES: usize = 128;
/// Seconds; Telegram knows no other period.
const SUBSCRIPTION_PERIOD_S: i64 = 2_592_000;

impl Telegram {
    /// The adapter of that bot.
    pub fn new(settings: TelegramSettings) -> Self {
        Self { settings }
    }

    /// Compared in constant time, so that a secret cannot be guessed byte by byte. No secret is no proof.
    fn is_proof(&self, proof: Option<&str>) -> bool {
        let secret = self.settings.webhook_secret.expose_secret().as_bytes();
        let is_equal = proof.is_some_and(|proof| bool::from(proof.as_bytes().ct_eq(secret)));
        is_equal && !secret.is_empty()
    }
}

impl Adapter for Telegram {
    fn method(&self) -> PaymentMethod {
        PaymentMethod::TelegramStars
    }

    fn access(&self) -> Option<Access> {
        let TelegramSettings { bot_token, base_url, webhook_secret, .. } = &self.settings;
        if !self.settings.is_configured() {
            return None;
        }
        let base_url = format!("{}/bot{}", base_url.trim_end_matches('/'), bot_token.expose_secret());
        Some(Access {
            base_url: base_url.into(),
            authorization: None,
            secrets: vec![bot_token.clone(), webhook_secret.clone()],
        })
    }

    fn create(&self, order: &PaymentOrder) -> Result<Exchange<GatewayPayment>, GatewayError> {
        if !(1..=MAX_PAYLOAD_BYTES).contains(&order.reference.len()) {
            return Err(rejected(format!("an invoice's payload has 1 to {MAX_PAYLOAD_BYTES} bytes")));
        }
        if order.amount.currency != Currency::Xtr || order.amount.amount_minor <= 0 {
            return Err(rejected("Telegram is asked for Stars only, and for more than none"));
        }
        let title = shortened(&order.title, MAX_TITLE_CHARS);
        let mut body = json!({
            "title": title,
            "description": shortened(&order.description, MAX_DESCRIPTION_CHARS),
            "payload": order.reference,
            "provider_token": "",
            "currency": order.amount.currency.code(),
            "prices": [{ "label": title, "amount": order.amount.amount_minor }],
        });
        match &order.charge {
            Charge::Once => {}
            Charge::Recurring => body["subscription_period"] = json!(SUBSCRIPTION_PERIOD_S),
            Charge::Saved { .. } => return Err(rejected("Telegram charges nobody without the payer")),
        }
        let (reference, amount) = (order.reference.clone(), order.amount);
        Ok(Exchange::once(Request::post("/createInvoiceLink", &body), move |response| {
            let link: String = answer::read(response)?;
            Ok(GatewayPayment {
                gateway_id: None,
                reference: Some(reference),
                status: GatewayPaymentStatus::Pending,
                amount,
                refunded: Money::stars(0),
                confirmation_url: Some(link),
                saved_method_id: None,
                payer_id: None,
                paid_at: None,
                paid_until: None,
            })
        }))
    }

    fn payment(&self, gateway_id: &str) -> Result<Exchange<GatewayPayment>, GatewayError> {
        let id = gateway_id.to_owned();
        Ok(books::scan(move |books| books.payment(&id).ok_or_else(|| not_found("payment"))))
    }

    /// Telegram gives back all of a payment or nothing; it does not ask how much.
    fn refund(&self, order: &RefundOrder) -> Result<Exchange<GatewayRefund>, GatewayError> {
        if order.amount.currency != Currency::Xtr {
            return Err(rejected("Telegram gives back Stars only"));
        }
        let payer_id = order.payer_id.as_deref().ok_or_else(|| rejected("there is no payer to refund"))?;
        let body = charge(payer_id, &order.gateway_id)?;
        let refund = GatewayRefund {
            gateway_id: None,
            reference: Some(order.reference.clone()),
            payment_gateway_id: order.gateway_id.clone(),
            amount: order.amount,
            status: GatewayRefundStatus::Succeeded,
        };
        Ok(Exchange::once(Request::post("/refundStarPayment", &body), move |response| {
            answer::read_refund(response)?;
            Ok(refund)
        }))
    }

    /// A refund has no id of its own.
    fn refund_status(
        &self,
        _: &str,
        payment_gateway_id: &str,
    ) -> Result<Exchange<GatewayRefund>, GatewayError> {
        let id = payment_gateway_id.to_owned();
        Ok(books::scan(move |books| books.refund(&id).ok_or_else(|| not_found("refund"))))
    }

    fn set_renewal(
        &self,
        payer_id: &str,
        gateway_id: &str,
        renews: bool,
    ) -> Result<Option<Exchange<()>>, GatewayError> {
        let mut body = charge(payer_id, gateway_id)?;
        body["is_canceled"] = json!(!renews);
        Ok(Some(Exchange::once(Request::post("/editUserStarSubscription", &body), answer::read_true)))
    }

    fn records(&self, from: Timestamp, to: Timestamp) -> Exchange<Vec<GatewayRecord>> {
        books::scan(move |books| Ok(books.records(from, to)))
    }

    /// They go back to the bot's first day: two million movements.
    fn max_pages(&self) -> usize {
        20_000
    }

    fn answer_pre_checkout(&self, query_id: &str, refusal: Option<&str>) -> Option<Exchange<()>> {
        let mut body = json!({ "pre_checkout_query_id": query_id, "ok": refusal.is_none() });
        if let Some(reason) = refusal {
            body["error_message"] = json!(reason);
        }
        Some(Exchange::once(Request::post("/answerPreCheckoutQuery", &body), answer::read_true))
    }

    fn asked_wait(&self, response: &Response) -> Option<Duration> {
        answer::asked_wait(response)
    }

    fn proof_header(&self) -> Option<&'static str> {
        Some(PROOF_HEADER)
    }

    fn read_notification(&self, proof: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError> {
        if self.is_proof(proof) { update::read(body) } else { Err(NotificationError::Forged) }
    }
}

/// What names a charge to Telegram.
fn charge(payer_id: &str, gateway_id: &str) -> Result<Value, GatewayError> {
    let user_id = payer_id.parse::<i64>().map_err(|_| rejected("the payer is no user of Telegram's"))?;
    Ok(json!({ "user_id": user_id, "telegram_payment_charge_id": gateway_id }))
}

fn not_found(what: &str) -> GatewayError {
    GatewayError::new(GatewayErrorKind::NotFound, format!("the bot's books hold no such {what}"))
}

/// Whole Stars, as a number of Telegram's.
fn stars(amount: i64) -> Option<Money> {
    (amount >= 0).then_some(Money::stars(amount))
}

/// An instant, as a number of Telegram's: seconds since the epoch.
fn instant(unix_s: i64) -> Option<Timestamp> {
    let unix_ms = unix_s.checked_mul(1_000).filter(|ms| *ms >= 0);
    unix_ms.map(Timestamp::from_unix_ms)
}
