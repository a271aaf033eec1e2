//! What all payment services have: a clock, faults, an outbox, and the course of one request.

use crate::{
    deliver::deliver,
    fault::{Injection, parse_delay},
    journal::Change,
    payment::{
        mischief::{Mischief, PaymentFault, injection},
        outbox::{Outbox, Target},
    },
    protocol::id,
    reply::Reply,
    service::Service,
    trouble::Trouble,
};
use axum::{http::StatusCode, response::Response};
use domain::port::Clock;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A service's way to say no.
pub(crate) trait Refusal: From<Trouble> {
    /// It, as an answer to the request `id`.
    fn reply(&self, id: &str) -> Reply;
}

/// One payment service's side of the sandbox, without its books.
pub(crate) struct Till {
    pub(crate) service: Arc<Service>,
    pub(crate) outbox: Outbox,
    clock: Arc<dyn Clock>,
    mischief: Mutex<Mischief>,
}

impl Till {
    /// A till whose service is that one.
    pub(crate) fn new(
        service: Arc<Service>,
        clock: Arc<dyn Clock>,
        outbox: Outbox,
        mischief: Mischief,
    ) -> Self {
        Self { service, outbox, clock, mischief: Mutex::new(mischief) }
    }

    /// The time, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now().unix_ms()
    }

    /// Reads or changes what is to go wrong.
    pub(crate) fn mischief<T>(&self, with: impl FnOnce(&mut Mischief) -> T) -> T {
        with(&mut self.mischief.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets a fault by name, or a delay, or forgets all; says what is pending then.
    pub(crate) fn set_fault(&self, name: &str, times: u32) -> Result<Value, String> {
        let pending = self.mischief(|mischief| {
            if name == "none" {
                mischief.clear();
            } else if let Some(fault) = mischief.parse(name) {
                mischief.set(fault, times);
            } else if let Some(delay) = name.strip_prefix("delay:").and_then(parse_delay) {
                mischief.set_delay(delay, times);
            } else {
                return Err(format!("there is no fault `{name}`"));
            }
            Ok(mischief.shown())
        })?;
        Ok(json!({"service": self.service.name, "pending": pending}))
    }

    /// Has faults strike by chance; says at what rates.
    pub(crate) fn set_rates(&self, seed: u64, rates: &BTreeMap<String, u32>) -> Result<Value, String> {
        self.mischief(|mischief| mischief.set_rates(seed, rates))?;
        Ok(json!({"service": self.service.name, "seed": seed, "rates": rates}))
    }

    /// Sets where notifications go; an empty URL is nowhere.
    pub(crate) fn set_target(&self, url: &str, secret: Option<&str>) -> Result<Value, String> {
        if !url.is_empty() && !url.starts_with("http://") {
            return Err("notify_url must begin with http://".to_owned());
        }
        self.outbox.keep_target(Target { url: url.to_owned(), secret: secret.map(str::to_owned) });
        Ok(json!({"service": self.service.name, "notify_url": url}))
    }

    /// The names of the faults that the service has.
    pub(crate) fn fault_names(&self) -> Vec<String> {
        self.mischief(|mischief| mischief.names().map(str::to_owned).collect())
    }

    /// What a test looks at.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "requests": self.service.requests(),
            "pending": self.mischief(|mischief| mischief.shown()),
            "notifications": self.outbox.shown(),
        })
    }

    /// What goes wrong with a charge or refund, of all that `strikes` says can.
    pub(crate) fn strike_charge(&self, strikes: impl Fn(PaymentFault) -> bool) -> Option<PaymentFault> {
        self.mischief(|mischief| mischief.strike_charge(strikes))
    }

    /// Writes down what `note` tells, and then lets the shop be told of it.
    pub(crate) fn commit(&self, note: impl FnOnce(&mut Change)) {
        self.outbox.release(note);
    }

    /// Tells the shop of something with the next [`Self::commit`]. `forged` is what somebody else would have it say.
    pub(crate) fn notify(&self, body: &Value, forged: impl FnOnce() -> Value) {
        let fault = self.mischief(Mischief::strike_notification);
        self.outbox.send(body, fault, forged);
    }

    /// Answers one request: `order` as it was read, and what is done for it. A request that is wrong meets no fault, so
    /// that it stays visible.
    pub(crate) async fn answer<O, R: Refusal>(
        &self,
        order: Result<O, R>,
        moves_money: bool,
        act: impl FnOnce(O) -> Result<Reply, R>,
    ) -> Response {
        let id = id(self.service.count_request());
        let order = match order {
            Ok(order) => order,
            Err(refusal) => return deliver(&self.service, refusal.reply(&id), Injection::default()).await,
        };
        let (fault, delay) = self.mischief(|mischief| mischief.strike_answer(moves_money));
        if let Some(fault) = fault {
            tracing::debug!(service = self.service.name, fault = fault.name(), "fault injected");
        }
        let trouble = match fault {
            Some(PaymentFault::Answer(fault)) => fault.trouble(),
            _ => None,
        };
        let reply = match (trouble, fault) {
            (Some(trouble), _) => R::from(trouble).reply(&id),
            (None, fault) => match act(order) {
                Ok(_) if fault == Some(PaymentFault::MadeBut500) => R::from(Trouble::Internal).reply(&id),
                Ok(reply) => reply,
                Err(refusal) => refusal.reply(&id),
            },
        };
        deliver(&self.service, reply, injection(fault, delay)).await
    }

    /// Answers a path or method that the service does not have.
    pub(crate) async fn refuse<R: Refusal>(&self, trouble: Trouble) -> Response {
        self.answer(Err::<(), R>(trouble.into()), false, |()| Ok(Reply::empty(StatusCode::OK))).await
    }
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Till").field("service", &self.service.name).finish_non_exhaustive()
    }
}
