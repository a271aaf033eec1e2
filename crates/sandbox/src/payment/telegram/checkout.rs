//! How people pay a bot.

use super::{
    bot::Bot,
    call::Call,
    invoice::Invoice,
    update::{self, PRE_CHECKOUT},
};
use crate::payment::ids;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a bot may take to say that a payment may go on.
const PRE_CHECKOUT_PATIENCE: Duration = Duration::from_secs(10);

impl Bot {
    /// An invoice, by the token in its link.
    pub(super) fn invoice(&self, token: &str) -> Option<Invoice> {
        self.desk(|desk| desk.books.invoices.get(token).cloned())
    }

    /// The payer turns away from an invoice for good; `None` when there is none.
    pub(super) fn leave(&self, token: &str) -> Option<Value> {
        self.desk(|desk| {
            desk.books.invoices.get_mut(token)?.is_canceled = true;
            Some(json!({"status": "canceled"}))
        })
    }

    /// A user pays an invoice, if the bot lets it. Says what happened; `None` when there is no such invoice.
    pub(super) async fn pay(&self, token: &str, user_id: i64) -> Option<Value> {
        let invoice = self.invoice(token)?;
        let outcome = match self.refusal(&invoice, user_id) {
            Some(why) => Err(why),
            None => self.check_out(&invoice, user_id).await,
        };
        Some(match outcome.and_then(|()| self.settle(&invoice, user_id)) {
            Ok(charge_id) => {
                json!({"status": "succeeded", "telegram_payment_charge_id": charge_id, "user_id": user_id})
            }
            Err(why) => json!({"status": "not_paid", "reason": why, "user_id": user_id}),
        })
    }

    /// Why a user does not get as far as paying.
    fn refusal(&self, invoice: &Invoice, user_id: i64) -> Option<String> {
        let why = if invoice.is_canceled {
            "the payer has turned away from this invoice"
        } else if invoice.is_subscription
            && self.desk(|desk| desk.books.is_subscribed(user_id, &invoice.payload))
        {
            "the user is subscribed already"
        } else if self.strike_charge() {
            "the user has not enough Stars"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// Asks the bot whether a payment may go on.
    async fn check_out(&self, invoice: &Invoice, user_id: i64) -> Result<(), String> {
        let (sender, answer) = oneshot::channel();
        let asked = self.desk(|desk| {
            let number = desk.standing.queries;
            let query_id = ids::digits(&format!("query {}", invoice.token), number);
            desk.standing.queries = number.saturating_add(1);
            let update = desk.update(PRE_CHECKOUT, update::pre_checkout(&query_id, user_id, invoice))?;
            // Payers who went away while they waited left theirs behind.
            desk.waiting.retain(|_, waiting| !waiting.is_closed());
            desk.waiting.insert(query_id.clone(), sender);
            Some((query_id, update))
        });
        let Some((query_id, update)) = asked else {
            return Err("the bot takes no pre_checkout_query".to_owned());
        };
        let asking = self.ask(&update);
        let outcome = tokio::select! {
            answer = answer => answer.unwrap_or_else(|_| Err("the bot did not answer".to_owned())),
            why = asking => Err(why),
            () = tokio::time::sleep(PRE_CHECKOUT_PATIENCE) => Err("the bot did not answer in time".to_owned()),
        };
        self.desk(|desk| desk.waiting.remove(&query_id));
        outcome
    }

    /// Tells the bot of a query; ends, with the reason, only when it was not taken. What the bot answers to it may be a call.
    async fn ask(&self, update: &Value) -> String {
        let Some(reply) = self.till.outbox.ask(update).await else {
            return "the bot's webhook did not take the pre_checkout_query".to_owned();
        };
        self.obey_reply(&reply);
        std::future::pending().await
    }

    fn obey_reply(&self, reply: &Bytes) {
        let Ok(mut parameters) = serde_json::from_slice::<Map<String, Value>>(reply) else { return };
        let Some(Value::String(method)) = parameters.remove("method") else { return };
        // A bot does not see what comes of a call that it makes in this way.
        if let Err(refusal) = self.obey(&Call::new(&method, parameters)) {
            tracing::debug!(?refusal, "call in a webhook's answer refused");
        }
    }

    /// Stars are paid. Gives the id of the charge.
    fn settle(&self, invoice: &Invoice, user_id: i64) -> Result<String, String> {
        let now_ms = self.till.now_ms();
        self.desk(|desk| {
            if desk.books.is_full() {
                return Err("the books are full".to_owned());
            }
            let (charge, subscription) = desk.books.pay(invoice, user_id, now_ms);
            self.tell_paid(desk, &charge, subscription.as_ref());
            Ok(charge.id)
        })
    }
}
