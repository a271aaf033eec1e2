//! The bot's books: invoices, charges, subscriptions, and the Stars that came and went.

use super::{
    error::Refusal,
    invoice::{Invoice, PERIOD_S},
    update::user,
};
use crate::{
    journal::{Change, Past},
    payment::{ids, insert_all, roll::Roll, time},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const PERIOD_MS: i64 = PERIOD_S * 1_000;

/// All that is entered.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) invoices: Roll<Invoice>,
    pub(super) charges: Roll<Charge>,
    pub(super) subscriptions: Roll<Subscription>,
    /// Movements of Stars.
    transactions: Roll<Transaction>,
}

/// Stars that were paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) user_id: i64,
    pub(super) payload: String,
    pub(super) amount_stars: i64,
    pub(super) paid_ms: i64,
    /// The subscription that it is of.
    pub(super) subscription_id: Option<String>,
    pub(super) refunded_ms: Option<i64>,
}

impl Charge {
    /// What the payment provider, who is Telegram itself, knows it by.
    pub(super) fn provider_id(&self) -> String {
        format!("{}_0", self.user_id)
    }
}

/// A subscription; its id is that of its first charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) user_id: i64,
    pub(super) payload: String,
    pub(super) amount_stars: i64,
    /// To when it is paid.
    pub(super) expires_ms: i64,
    /// Whether the bot or the payer has stopped it.
    pub(super) is_canceled: bool,
    /// Whether it was not renewed.
    pub(super) has_ended: bool,
}

/// Stars that came, or went back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transaction {
    charge_id: String,
    is_refund: bool,
    at_ms: i64,
}

impl Books {
    /// The books of an earlier sandbox.
    pub(super) fn open(past: &mut Past) -> Self {
        Self {
            invoices: Roll::open("invoice", past),
            charges: Roll::open("charge", past),
            subscriptions: Roll::open("subscription", past),
            transactions: Roll::open("transaction", past),
        }
    }

    /// Notes what has changed since this was last asked.
    pub(super) fn note(&mut self, change: &mut Change) {
        self.invoices.note(change);
        self.charges.note(change);
        self.subscriptions.note(change);
        self.transactions.note(change);
    }

    /// Whether nothing more can be entered.
    pub(super) fn is_full(&self) -> bool {
        self.invoices.is_full() || self.charges.is_full() || self.subscriptions.is_full()
    }

    /// Whether a user is subscribed by that payload.
    pub(super) fn is_subscribed(&self, user_id: i64, payload: &str) -> bool {
        let is_it = |subscription: &Subscription| {
            subscription.user_id == user_id && subscription.payload == payload && !subscription.has_ended
        };
        self.subscriptions.iter().any(is_it)
    }

    /// An invoice is paid.
    pub(super) fn pay(
        &mut self,
        invoice: &Invoice,
        user_id: i64,
        now_ms: i64,
    ) -> (Charge, Option<Subscription>) {
        let id = self.next_charge_id(&invoice.payload);
        let subscription = invoice.is_subscription.then(|| Subscription {
            id: id.clone(),
            user_id,
            payload: invoice.payload.clone(),
            amount_stars: invoice.amount_stars,
            expires_ms: now_ms.saturating_add(PERIOD_MS),
            is_canceled: false,
            has_ended: false,
        });
        let charge = Charge {
            id: id.clone(),
            user_id,
            payload: invoice.payload.clone(),
            amount_stars: invoice.amount_stars,
            paid_ms: now_ms,
            subscription_id: subscription.as_ref().map(|_| id.clone()),
            refunded_ms: None,
        };
        if let Some(subscription) = &subscription {
            self.subscriptions.push(id, subscription.clone());
        }
        self.enter(charge.clone(), now_ms);
        (charge, subscription)
    }

    /// The subscriptions whose time is over, by id.
    pub(super) fn due(&self, now_ms: i64) -> Vec<String> {
        let is_due =
            |subscription: &&Subscription| !subscription.has_ended && subscription.expires_ms <= now_ms;
        self.subscriptions.iter().filter(is_due).map(|subscription| subscription.id.clone()).collect()
    }

    /// A subscription is paid for another period, or ends when it was stopped or `is_declined`.
    pub(super) fn renew(
        &mut self,
        id: &str,
        is_declined: bool,
        now_ms: i64,
    ) -> Option<(Charge, Subscription)> {
        let has_room = !self.charges.is_full();
        let subscription = self.subscriptions.get_mut(id)?;
        if subscription.is_canceled || is_declined || !has_room {
            subscription.has_ended = true;
            return None;
        }
        subscription.expires_ms = subscription.expires_ms.saturating_add(PERIOD_MS);
        let subscription = subscription.clone();
        let charge = Charge {
            id: self.next_charge_id(&subscription.payload),
            user_id: subscription.user_id,
            payload: subscription.payload.clone(),
            amount_stars: subscription.amount_stars,
            paid_ms: now_ms,
            subscription_id: Some(subscription.id.clone()),
            refunded_ms: None,
        };
        self.enter(charge.clone(), now_ms);
        Some((charge, subscription))
    }

    /// A charge is given back.
    pub(super) fn refund(&mut self, id: &str, user_id: i64, now_ms: i64) -> Result<Charge, Refusal> {
        let charge = self.charges.get_mut(id).filter(|charge| charge.user_id == user_id);
        let charge = charge.ok_or_else(|| Refusal::bad("CHARGE_NOT_FOUND"))?;
        if charge.refunded_ms.is_some() {
            return Err(Refusal::bad("CHARGE_ALREADY_REFUNDED"));
        }
        charge.refunded_ms = Some(now_ms);
        let charge = charge.clone();
        self.move_stars(Transaction { charge_id: id.to_owned(), is_refund: true, at_ms: now_ms });
        Ok(charge)
    }

    /// A subscription, which any of its charges names, goes on or does not. One that has ended stays so.
    pub(super) fn set_canceled(
        &mut self,
        charge_id: &str,
        user_id: i64,
        is_canceled: bool,
    ) -> Result<(), Refusal> {
        let charge = self.charges.get(charge_id).filter(|charge| charge.user_id == user_id);
        let id = charge.and_then(|charge| charge.subscription_id.clone());
        let subscription = id.and_then(|id| self.subscriptions.get_mut(&id));
        let subscription = subscription.ok_or_else(|| Refusal::bad("CHARGE_NOT_FOUND"))?;
        subscription.is_canceled = is_canceled;
        Ok(())
    }

    /// Stars that the bot has.
    pub(super) fn balance_stars(&self) -> i64 {
        let kept = self.charges.iter().filter(|charge| charge.refunded_ms.is_none());
        kept.fold(0, |sum, charge| sum.saturating_add(charge.amount_stars))
    }

    /// Movements as the service shows them.
    pub(super) fn transactions(&self, offset: usize, limit: usize) -> Vec<Value> {
        let page = self.transactions.iter().skip(offset).take(limit);
        page.filter_map(|transaction| Some(transaction.shown(self.charges.get(&transaction.charge_id)?)))
            .collect()
    }

    /// Every charge and refund, for an independent model to compare with.
    pub(super) fn listed(&self) -> (Vec<Value>, Vec<Value>) {
        let payments = self.charges.iter().map(|charge| self.listed_charge(charge));
        let refunds = self.transactions.iter().filter(|transaction| transaction.is_refund);
        let refunds = refunds.filter_map(|refund| Some(refund.listed(self.charges.get(&refund.charge_id)?)));
        (payments.collect(), refunds.collect())
    }

    fn listed_charge(&self, charge: &Charge) -> Value {
        let subscription = charge.subscription_id.as_ref().and_then(|id| self.subscriptions.get(id));
        json!({
            "service": "telegram",
            "id": charge.id,
            "status": "succeeded",
            "amount": stars(charge),
            "amount_minor": charge.amount_stars,
            "refunded_minor": charge.refunded_ms.map_or(0, |_| charge.amount_stars),
            "reference": charge.payload,
            "user_id": charge.user_id,
            "created_at": time::shown(charge.paid_ms),
            "subscription": subscription.map(|subscription| json!({
                "id": subscription.id,
                "expires_at": time::shown(subscription.expires_ms),
                "is_canceled": subscription.is_canceled,
                "has_ended": subscription.has_ended,
            })),
        })
    }

    fn next_charge_id(&self, payload: &str) -> String {
        ids::token(&format!("charge {payload}"), self.charges.len())
    }

    fn enter(&mut self, charge: Charge, now_ms: i64) {
        self.move_stars(Transaction { charge_id: charge.id.clone(), is_refund: false, at_ms: now_ms });
        self.charges.push(charge.id.clone(), charge);
    }

    fn move_stars(&mut self, transaction: Transaction) {
        self.transactions.push(self.transactions.len().to_string(), transaction);
    }
}

impl Transaction {
    fn shown(&self, charge: &Charge) -> Value {
        let mut partner = json!({
            "type": "user",
            "transaction_type": "invoice_payment",
            "user": user(charge.user_id),
            "invoice_payload": charge.payload,
        });
        if charge.subscription_id.is_some() {
            insert_all(&mut partner, [("subscription_period", PERIOD_S.into())]);
        }
        json!({
            "id": self.charge_id,
            "amount": charge.amount_stars,
            "date": self.at_ms.div_euclid(1_000),
            if self.is_refund { "receiver" } else { "source" }: partner,
        })
    }

    fn listed(&self, charge: &Charge) -> Value {
        json!({
            "service": "telegram",
            "id": charge.id,
            "payment_id": charge.id,
            "status": "succeeded",
            "amount": stars(charge),
            "amount_minor": charge.amount_stars,
            "reference": charge.payload,
            "user_id": charge.user_id,
            "created_at": time::shown(self.at_ms),
        })
    }
}

fn stars(charge: &Charge) -> Value {
    json!({"value": charge.amount_stars.to_string(), "currency": "XTR"})
}
