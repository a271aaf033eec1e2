//! The shop: what it is asked to do, and what it tells of it.

use super::{
    books::{Books, First},
    error::Refusal,
    payment::{Cancellation, Payment, Status},
    refund::Refund,
    request::{By, PaymentOrder, Posted, RefundOrder},
};
use crate::{
    journal::Past,
    payment::{ids, insert_all, mischief::PaymentFault, till::Till},
    trouble::Trouble,
};
use domain::billing::Money;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// The sandbox's side of YooKassa.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) till: Till,
    books: Mutex<Books>,
}

/// What a payer does on the page of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Pays, and lets the method be saved or not; `None` as the shop wants it.
    Pay(Option<bool>),
    /// Does not.
    Leave,
}

impl Shop {
    /// The shop with the books of an earlier sandbox.
    pub(crate) fn open(till: Till, mut past: Past) -> Self {
        Self { till, books: Mutex::new(Books::open(&mut past)) }
    }

    /// Reads or changes the books. What has changed is written down, and told, before this returns.
    pub(super) fn books<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let given = with(&mut books);
        self.till.commit(|change| books.note(change));
        given
    }

    /// Where the payer confirms a payment.
    pub(super) fn page_url(&self, id: &str) -> String {
        self.till.service.url(&super::page_path(id))
    }

    /// A payment as the service shows it.
    pub(super) fn shown(&self, payment: &Payment) -> Value {
        payment.shown(&self.page_url(&payment.id))
    }

    /// `POST /payments`.
    pub(super) fn create_payment(&self, order: PaymentOrder, posted: Posted) -> Result<Value, Refusal> {
        self.once("/payments", posted, |books, shop_id, key, now_ms| {
            let saved = match &order.by {
                By::Saved(id) => Some(books.saved_method(id)?),
                By::Page { .. } => None,
            };
            if books.payments.is_full() {
                return Err(Trouble::Overloaded.into());
            }
            let id = ids::uuid(&key, books.payments.len());
            let mut payment = Payment::new(id.clone(), shop_id, key, order, saved, now_ms);
            if payment.is_by_saved() {
                self.charge(books, &mut payment, now_ms);
            }
            let shown = self.shown(&payment);
            books.payments.push(id, payment);
            Ok(shown)
        })
    }

    /// `POST /refunds`.
    pub(super) fn create_refund(&self, order: RefundOrder, posted: Posted) -> Result<Value, Refusal> {
        self.once("/refunds", posted, |books, _, key, now_ms| {
            let number = books.refunds.len();
            let is_full = books.refunds.is_full();
            let Some(payment) = books.payments.get_mut(&order.payment_id) else {
                return Err(Refusal::wrong("payment_id", "Payment doesn't exist or access denied"));
            };
            if payment.status != Status::Succeeded {
                return Err(Refusal::wrong("payment_id", "Only a succeeded payment can be refunded"));
            }
            let refunded = payment.refunded_kopecks.saturating_add(order.amount.amount_minor);
            if refunded > payment.order.amount.amount_minor {
                return Err(Refusal::wrong(
                    "amount",
                    "Refund amount is greater than what is left of the payment",
                ));
            }
            if is_full {
                return Err(Trouble::Overloaded.into());
            }
            let id = ids::uuid(&format!("refund {key}"), number);
            let is_declined =
                self.till.strike_charge(|fault| fault == PaymentFault::RefundDeclined).is_some();
            if !is_declined {
                payment.refunded_kopecks = refunded;
            }
            let refund = Refund { id: id.clone(), key, order, is_declined, created_ms: now_ms };
            let shown = refund.shown();
            // Ordinary shops are not told of refunds that fail.
            if !is_declined {
                self.notify("refund.succeeded", &shown);
            }
            books.refunds.push(id, refund);
            Ok(shown)
        })
    }

    /// `POST /payments/{id}/capture`, of the whole payment.
    pub(super) fn capture(&self, id: &str, part: Option<Money>, posted: Posted) -> Result<Value, Refusal> {
        self.end_hold(id, "capture", posted, |payment, now_ms| {
            if part.is_some_and(|part| part != payment.order.amount) {
                return Err(Refusal::wrong("amount", "The sandbox captures whole payments only"));
            }
            payment.capture(now_ms);
            Ok(())
        })
    }

    /// `POST /payments/{id}/cancel`.
    pub(super) fn cancel_hold(&self, id: &str, posted: Posted) -> Result<Value, Refusal> {
        self.end_hold(id, "cancel", posted, |payment, _| {
            payment.status = Status::Canceled(Cancellation::ByShop);
            Ok(())
        })
    }

    fn end_hold(
        &self,
        id: &str,
        verb: &str,
        posted: Posted,
        end: impl FnOnce(&mut Payment, i64) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        self.once(&format!("/payments/{id}/{verb}"), posted, |books, _, _, now_ms| {
            let payment = books.payments.get_mut(id).ok_or_else(|| Refusal::not_found("Payment"))?;
            if !matches!(payment.status, Status::WaitingForCapture(_)) {
                return Err(Refusal::wrong("", "Payment is not waiting for capture"));
            }
            end(payment, now_ms)?;
            self.notify_payment(payment);
            Ok(self.shown(payment))
        })
    }

    /// What the payer does. A payment that has been decided stays as it is; `None` when there is none.
    pub(super) fn decide(&self, id: &str, decision: Decision) -> Option<Value> {
        let now_ms = self.till.now_ms();
        self.books(|books| {
            let payment = books.payments.get_mut(id)?;
            if payment.status == Status::Pending {
                match decision {
                    Decision::Leave if payment.is_by_saved() => {
                        payment.status = Status::Canceled(Cancellation::ThreeDsFailed);
                    }
                    Decision::Leave => payment.status = Status::Canceled(Cancellation::NotConfirmed),
                    Decision::Pay(saves) => {
                        match self.till.strike_charge(|fault| fault == PaymentFault::Declined) {
                            Some(_) => payment.status = Status::Canceled(Cancellation::InsufficientFunds),
                            None => payment.pay(saves, now_ms),
                        }
                    }
                }
                self.notify_payment(payment);
            }
            Some(self.shown(payment))
        })
    }

    /// Ends what is due, and forgets old keys.
    pub(crate) fn tick(&self) {
        let now_ms = self.till.now_ms();
        self.till.outbox.tick();
        self.books(|books| {
            for (id, why) in books.expired(now_ms) {
                if let Some(payment) = books.payments.get_mut(&id) {
                    payment.status = Status::Canceled(why);
                    self.notify_payment(payment);
                }
            }
            books.forget_keys(now_ms);
        });
    }

    /// Every payment and refund, for an independent model to compare with.
    pub(crate) fn listed(&self) -> (Vec<Value>, Vec<Value>) {
        self.books(|books| {
            let payments = books.payments.iter().map(|payment| payment.listed(&self.page_url(&payment.id)));
            (payments.collect(), books.refunds.iter().map(Refund::listed).collect())
        })
    }

    /// Charges a saved method.
    fn charge(&self, books: &mut Books, payment: &mut Payment, now_ms: i64) {
        let fault = self.till.strike_charge(|fault| fault != PaymentFault::RefundDeclined);
        let method_id = payment.method.as_ref().map(|method| method.id.clone()).unwrap_or_default();
        if fault == Some(PaymentFault::MethodRevoked) {
            books.revoke(&method_id);
        }
        match fault {
            _ if books.is_revoked(&method_id) => {
                payment.status = Status::Canceled(Cancellation::PermissionRevoked);
            }
            Some(PaymentFault::Declined) => {
                payment.status = Status::Canceled(Cancellation::InsufficientFunds);
            }
            Some(PaymentFault::ThreeDsPending) => return,
            _ => payment.pay(None, now_ms),
        }
        self.notify_payment(payment);
    }

    /// Does what is asked for, unless it was asked for before with that key: then it is answered as before.
    fn once(
        &self,
        path: &str,
        Posted { shop_id, key, body }: Posted,
        act: impl FnOnce(&mut Books, String, String, i64) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let now_ms = self.till.now_ms();
        self.books(|books| {
            if let Some(answer) = books.answered(&key, path, &body, now_ms)? {
                return Ok(answer);
            }
            let answer = act(books, shop_id, key.clone(), now_ms)?;
            books.keep_answer(
                key,
                First { at_ms: now_ms, path: path.to_owned(), body, answer: answer.clone() },
            );
            Ok(answer)
        })
    }

    fn notify_payment(&self, payment: &Payment) {
        self.notify(&payment.event(), &self.shown(payment));
    }

    fn notify(&self, event: &str, object: &Value) {
        self.till.notify(&notification(event, object), || forged(event, object));
    }
}

fn notification(event: &str, object: &Value) -> Value {
    json!({"type": "notification", "event": event, "object": object})
}

/// What somebody says who wants goods for nothing: that a canceled payment went well, or that there was another one.
fn forged(event: &str, object: &Value) -> Value {
    let mut object = object.clone();
    let event = if event == "payment.canceled" {
        insert_all(&mut object, [("status", "succeeded".into()), ("paid", true.into())]);
        "payment.succeeded"
    } else {
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = ids::uuid(&format!("forged {id}"), 0);
        insert_all(&mut object, [("id", id.into())]);
        event
    };
    notification(event, &object)
}
