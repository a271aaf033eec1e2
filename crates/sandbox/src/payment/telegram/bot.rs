//! A bot: what it can call, what it is told, and how people pay it.

use super::{
    books::{Books, Charge, Subscription},
    call::Call,
    error::Refusal,
    invoice::Invoice,
    update::{self, MESSAGE},
};
use crate::{
    journal::{Change, Past},
    payment::{ids, insert_all, mischief::PaymentFault, till::Till},
    trouble::Trouble,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// The sandbox's side of Telegram. All tokens are of one bot.
#[derive(Debug)]
pub(crate) struct Bot {
    pub(crate) till: Till,
    desk: Mutex<Desk>,
}

/// The kind under which the journal has how the bot stands.
const STANDING: &str = "standing";

/// What changes.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) books: Books,
    pub(super) standing: Standing,
    /// The same as it was written down.
    written: Standing,
    /// Whom a bot's answer lets go on, by the query's id.
    pub(super) waiting: BTreeMap<String, oneshot::Sender<Answer>>,
}

/// How the bot stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The kinds of updates that it wants; `None` is all.
    wanted: Option<Vec<String>>,
    /// Queries so far.
    pub(super) queries: usize,
    update_id: i64,
    message_id: i64,
}

/// A bot's answer to a payer: yes, or why not.
pub(super) type Answer = Result<(), String>;

impl Bot {
    /// The bot with the books of an earlier sandbox.
    pub(crate) fn open(till: Till, mut past: Past) -> Self {
        let mut standing: Standing = past.take_one(STANDING).unwrap_or_default();
        // Updates of a sandbox that is started again come after those of the one before, also when nothing was kept.
        standing.update_id = standing.update_id.max(till.now_ms().div_euclid(1_000));
        let books = Books::open(&mut past);
        let desk = Desk { books, written: standing.clone(), standing, waiting: BTreeMap::new() };
        Self { till, desk: Mutex::new(desk) }
    }

    /// Reads or changes what changes. That is written down, and told, before this returns.
    pub(super) fn desk<T>(&self, with: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let given = with(&mut desk);
        self.till.commit(|change| desk.note(change));
        given
    }

    /// Does what a bot calls for.
    pub(super) fn obey(&self, call: &Call) -> Result<Value, Refusal> {
        match call.method.as_str() {
            "createinvoicelink" => self.create_invoice_link(call),
            "answerprecheckoutquery" => self.answer_pre_checkout(call),
            "refundstarpayment" => self.refund(call),
            "edituserstarsubscription" => self.edit_subscription(call),
            "getstartransactions" => self.transactions(call),
            "getmystarbalance" => Ok(json!({"amount": self.desk(|desk| desk.books.balance_stars())})),
            "setwebhook" => self.set_webhook(call),
            _ => Err(Trouble::UnknownModel(call.method.clone()).into()),
        }
    }

    fn create_invoice_link(&self, call: &Call) -> Result<Value, Refusal> {
        self.desk(|desk| {
            let number = desk.books.invoices.len();
            let invoice = Invoice::read(call, |payload| ids::token(&format!("invoice {payload}"), number))?;
            if desk.books.is_full() {
                return Err(Trouble::Overloaded.into());
            }
            let link = self.till.service.url(&super::page_path(&invoice.token));
            desk.books.invoices.push(invoice.token.clone(), invoice);
            Ok(link.into())
        })
    }

    fn answer_pre_checkout(&self, call: &Call) -> Result<Value, Refusal> {
        let query_id = call.require_text("pre_checkout_query_id")?;
        let answer = match call.require_flag("ok")? {
            true => Ok(()),
            false => Err(call.require_text("error_message")?.to_owned()),
        };
        let is_in_time = |waiting: oneshot::Sender<Answer>| waiting.send(answer).is_ok();
        if self.desk(|desk| desk.waiting.remove(query_id)).is_some_and(is_in_time) {
            return Ok(true.into());
        }
        Err(Refusal::bad("query is too old and response timeout expired or query ID is invalid"))
    }

    fn refund(&self, call: &Call) -> Result<Value, Refusal> {
        let user_id = call.require_integer("user_id")?;
        let charge_id = call.require_text("telegram_payment_charge_id")?;
        let now_ms = self.till.now_ms();
        self.desk(|desk| {
            let charge = desk.books.refund(charge_id, user_id, now_ms)?;
            self.tell(desk, &charge, update::refunded_payment(&charge));
            Ok(true.into())
        })
    }

    fn edit_subscription(&self, call: &Call) -> Result<Value, Refusal> {
        let user_id = call.require_integer("user_id")?;
        let charge_id = call.require_text("telegram_payment_charge_id")?;
        let is_canceled = call.require_flag("is_canceled")?;
        self.desk(|desk| desk.books.set_canceled(charge_id, user_id, is_canceled))?;
        Ok(true.into())
    }

    fn transactions(&self, call: &Call) -> Result<Value, Refusal> {
        let offset = usize::try_from(call.integer("offset")?.unwrap_or(0));
        let limit = usize::try_from(call.integer("limit")?.unwrap_or(100));
        match (offset, limit) {
            (Ok(offset), Ok(limit @ 1..=100)) => {
                Ok(json!({"transactions": self.desk(|desk| desk.books.transactions(offset, limit))}))
            }
            (Err(_), _) => Err(Refusal::bad("OFFSET_INVALID")),
            (_, _) => Err(Refusal::bad("LIMIT_INVALID")),
        }
    }

    fn set_webhook(&self, call: &Call) -> Result<Value, Refusal> {
        let (url, secret) = (call.text("url").unwrap_or_default(), call.text("secret_token"));
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if secret.is_some_and(|secret| secret.len() > 256 || !secret.bytes().all(is_known)) {
            return Err(Refusal::bad("secret token contains unallowed characters"));
        }
        if call.integer("max_connections")?.is_some_and(|count| !(1..=100).contains(&count)) {
            return Err(Refusal::bad("max_connections must be 1 to 100"));
        }
        let wanted = call.list("allowed_updates")?;
        let wanted =
            wanted.map(|kinds| kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect());
        // Telegram speaks https alone, and the sandbox http.
        self.till.set_target(url, secret).map_err(|why| Refusal::bad(&format!("bad webhook: {why}")))?;
        if let Some(wanted) = wanted {
            let wanted: Vec<String> = wanted;
            self.desk(|desk| desk.standing.wanted = Some(wanted).filter(|kinds| !kinds.is_empty()));
        }
        Ok(true.into())
    }

    /// Renews what is due.
    pub(crate) fn tick(&self) {
        let now_ms = self.till.now_ms();
        self.till.outbox.tick();
        self.desk(|desk| {
            for id in desk.books.due(now_ms) {
                self.renew(desk, &id, now_ms);
            }
        });
    }

    /// Renews a subscription as often as its time is over.
    fn renew(&self, desk: &mut Desk, id: &str, now_ms: i64) {
        loop {
            let is_stopped =
                desk.books.subscriptions.get(id).is_none_or(|subscription| subscription.is_canceled);
            let is_declined = !is_stopped && self.strike_charge();
            let Some((charge, subscription)) = desk.books.renew(id, is_declined, now_ms) else { return };
            let is_paid_up = subscription.expires_ms > now_ms;
            self.tell_paid(desk, &charge, Some(&subscription));
            if is_paid_up {
                return;
            }
        }
    }

    /// Whether the next charge fails for want of Stars.
    pub(super) fn strike_charge(&self) -> bool {
        self.till.strike_charge(|fault| fault == PaymentFault::Declined).is_some()
    }

    /// Every charge and refund, for an independent model to compare with.
    pub(crate) fn listed(&self) -> (Vec<Value>, Vec<Value>) {
        self.desk(|desk| desk.books.listed())
    }

    /// Tells the bot that a charge was paid.
    pub(super) fn tell_paid(&self, desk: &mut Desk, charge: &Charge, subscription: Option<&Subscription>) {
        self.tell(desk, charge, update::successful_payment(charge, subscription));
    }

    fn tell(&self, desk: &mut Desk, charge: &Charge, content: Value) {
        desk.standing.message_id = desk.standing.message_id.saturating_add(1);
        let message = update::message(desk.standing.message_id, charge.user_id, self.till.now_ms(), content);
        if let Some(update) = desk.update(MESSAGE, message) {
            self.till.notify(&update, || forged(&update, charge));
        }
    }
}

impl Desk {
    /// Notes what has changed since this was last asked.
    fn note(&mut self, change: &mut Change) {
        self.books.note(change);
        if self.standing != self.written {
            change.put(STANDING, "", &self.standing);
            self.written = self.standing.clone();
        }
    }

    /// An update with the next number, if the bot wants its kind.
    pub(super) fn update(&mut self, kind: &str, content: Value) -> Option<Value> {
        if self.standing.wanted.as_ref().is_some_and(|wanted| !wanted.iter().any(|known| known == kind)) {
            return None;
        }
        self.standing.update_id = self.standing.update_id.saturating_add(1);
        Some(update::update(self.standing.update_id, kind, content))
    }
}

/// What somebody says who does not know the secret: that the same was paid again. It even takes the number of the update
/// that is to come.
fn forged(genuine: &Value, charge: &Charge) -> Value {
    let mut lie = genuine.clone();
    let id = ids::token(&format!("forged {}", charge.id), 0);
    for kind in ["successful_payment", "refunded_payment"] {
        if let Some(payment) = lie.pointer_mut(&format!("/message/{kind}")) {
            insert_all(payment, [("telegram_payment_charge_id", id.clone().into())]);
        }
    }
    lie
}
