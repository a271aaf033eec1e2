//! The shop's books: payments, refunds, and what was answered under which key.

use super::{
    error::Refusal,
    payment::{Cancellation, Method, Payment},
    refund::Refund,
};
use crate::{
    journal::{Change, Past},
    payment::roll::Roll,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How long a repeat is known by its key.
const KEY_MS: i64 = 86_400_000;

/// The kind under which the journal has what was answered.
const KEY: &str = "key";

/// All payments and refunds.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) payments: Roll<Payment>,
    pub(super) refunds: Roll<Refund>,
    /// What was answered, by idempotence key.
    keys: BTreeMap<String, First>,
    /// Those that came or went since they were written down.
    touched_keys: BTreeSet<String>,
}

/// The first request with a key, and its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct First {
    pub(super) at_ms: i64,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) answer: Value,
}

impl Books {
    pub(super) fn open(past: &mut Past) -> Self {
        Self {
            payments: Roll::open("payment", past),
            refunds: Roll::open("refund", past),
            keys: past.take(KEY).collect(),
            touched_keys: BTreeSet::new(),
        }
    }

    /// Notes what has changed since this was last asked.
    pub(super) fn note(&mut self, change: &mut Change) {
        self.payments.note(change);
        self.refunds.note(change);
        for key in std::mem::take(&mut self.touched_keys) {
            match self.keys.get(&key) {
                Some(first) => change.put(KEY, &key, first),
                None => change.remove(KEY, &key),
            }
        }
    }

    /// The payments that are over by now, and why.
    pub(super) fn expired(&self, now_ms: i64) -> Vec<(String, Cancellation)> {
        let payments = self.payments.iter();
        payments.filter_map(|payment| Some((payment.id.clone(), payment.expiry(now_ms)?))).collect()
    }

    /// What was answered to the first request with that key, if this is a repeat of it.
    pub(super) fn answered(
        &self,
        key: &str,
        path: &str,
        body: &Value,
        now_ms: i64,
    ) -> Result<Option<Value>, Refusal> {
        match self.keys.get(key).filter(|first| !first.is_over(now_ms)) {
            None => Ok(None),
            Some(first) if first.path == path && first.body == *body => Ok(Some(first.answer.clone())),
            Some(_) => {
                let why = "Idempotence-Key was used for another request";
                Err(Refusal::wrong("Idempotence-Key", why))
            }
        }
    }

    /// Keeps the answer to the first request with a key.
    pub(super) fn keep_answer(&mut self, key: String, first: First) {
        self.touched_keys.insert(key.clone());
        self.keys.insert(key, first);
    }

    pub(super) fn forget_keys(&mut self, now_ms: i64) {
        let over = self.keys.extract_if(.., |_, first| first.is_over(now_ms));
        self.touched_keys.extend(over.map(|(key, _)| key));
    }

    pub(super) fn revoke(&mut self, method_id: &str) {
        let first = self.payments.get_mut(method_id);
        if let Some(method) = first.and_then(|payment| payment.method.as_mut()) {
            method.is_revoked = true;
        }
    }

    pub(super) fn is_revoked(&self, method_id: &str) -> bool {
        let first = self.payments.get(method_id).and_then(|payment| payment.method.as_ref());
        first.is_some_and(|method| method.is_revoked)
    }

    /// The method of that id, if a payer let it be saved.
    pub(super) fn saved_method(&self, id: &str) -> Result<Method, Refusal> {
        // A method has the id of the payment in which it was saved.
        let first = self.payments.get(id).and_then(|payment| payment.method.as_ref());
        let saved = first.filter(|method| method.is_saved && method.id == id);
        saved.cloned().ok_or_else(|| Refusal::wrong("payment_method_id", "No such saved payment method"))
    }
}

impl First {
    const fn is_over(&self, now_ms: i64) -> bool {
        self.at_ms.saturating_add(KEY_MS) <= now_ms
    }
}
