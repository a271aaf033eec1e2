//! A client: asks, and writes down what it is told.

use super::{
    answer::{Heard, Said, of_generation, send},
    order::{Order, Way},
    record::{Purchase, Record, Told},
    shop::{Account, PATIENCE, PAUSE, Shop},
};
use rand::{RngExt, rngs::StdRng};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The package that clients buy, and its NeuralBox tokens.
pub(super) const PACKAGE: (&str, i64) = ("light", 100);

/// A client of an account.
pub(super) struct Client {
    pub(super) name: String,
    pub(super) account: Account,
    pub(super) shop: Shop,
    pub(super) rng: StdRng,
    /// Orders that have ended, of all clients.
    pub(super) ended: Arc<AtomicU64>,
}

/// All that a client knows at the end.
#[derive(Debug, Default)]
pub(super) struct Diary {
    pub(super) records: Vec<Record>,
    pub(super) purchases: Vec<Purchase>,
    /// What should never be answered.
    pub(super) nonsense: Vec<String>,
}

impl Client {
    /// Asks for one thing after the other, as long as there is trouble, and sees each one to its end.
    pub(super) async fn live(mut self) -> Diary {
        let mut diary = Diary::default();
        let mut number = 0;
        while self.shop.is_in_trouble() {
            number += 1;
            let name = format!("{}-{number}", self.name);
            if self.rng.random_bool(0.04) {
                diary.purchases.extend(self.buy(&name).await);
            } else {
                let order = Order::draw(&mut self.rng, &name);
                diary.records.extend(self.have(order, &mut diary.nonsense).await);
            }
            self.ended.fetch_add(1, Ordering::Relaxed);
            let pause_ms = self.rng.random_range(0..250);
            testkit::pass(Duration::from_millis(pause_ms)).await;
        }
        diary
    }

    /// Has an order carried out: its price first, then the thing itself.
    async fn have(&mut self, order: Order, nonsense: &mut Vec<String>) -> Option<Record> {
        let path = format!("/models/{}/calculate-price", order.model);
        let body = json!({ "params": order.params }).to_string();
        let quote = self.shop.insist(|| self.request(Method::POST, &path).body(body.clone())).await?;
        let mut record = Record::new(order, quote["token_cost"].as_i64()?);
        self.pursue(&mut record, nonsense).await;
        Some(record)
    }

    /// Sends an order until there is an answer, as far as that is safe, and follows what it began.
    async fn pursue(&self, record: &mut Record, nonsense: &mut Vec<String>) {
        while self.shop.goes_on() {
            let patience = record.order.patience_ms.filter(|_| record.attempts == 0);
            let patience = patience.map_or(PATIENCE, Duration::from_millis);
            let heard = send(order_request(&self.shop, &self.account, &record.order), patience).await;
            record.attempts += 1;
            record.was_unknown |= matches!(heard, Heard::Broken { .. });
            // It reached nobody, so it may be sent again whether it bears a name or not.
            let Some(said) = heard.said() else {
                testkit::pass(PAUSE).await;
                continue;
            };
            if self.heed(record, said, nonsense).await {
                return;
            }
            testkit::pass(PAUSE).await;
        }
    }

    /// Takes in an answer; whether that was all.
    async fn heed(&self, record: &mut Record, said: Said, nonsense: &mut Vec<String>) -> bool {
        let has_name = record.order.key.is_some();
        match said {
            Said::Pending { id } => {
                record.name(id);
                if record.order.is_canceled {
                    self.cancel(record, id).await;
                }
                self.follow(record, id, nonsense).await;
            }
            Said::Unknown { id: Some(id) } if !has_name => {
                record.was_unknown = true;
                record.name(id);
                self.follow(record, id, nonsense).await;
            }
            Said::Unknown { id } if has_name => {
                id.into_iter().for_each(|id| record.name(id));
                return false;
            }
            Said::Unknown { .. } => {
                record.loose.unanswered += 1;
                record.end(Told::Nothing);
            }
            Said::TurnedAway if has_name => return false,
            Said::TurnedAway => {
                record.loose.turned_away += 1;
                record.end(Told::Refused { code: "overloaded".to_owned() });
            }
            Said::Refused { code } => record.end(Told::Refused { code }),
            end => note_end(record, end, nonsense),
        }
        true
    }

    /// Asks after a generation until it has ended.
    async fn follow(&self, record: &mut Record, id: i64, nonsense: &mut Vec<String>) {
        let path = format!("/generate/{id}");
        while self.shop.goes_on() {
            let request = self.request(Method::GET, &path).header("prefer", "wait=5");
            match self.shop.ask(request).await {
                heard @ Heard::Answer { status: 200, .. } => {
                    let said = heard.json().map(|json| of_generation(&json));
                    match said {
                        Some(Said::Pending { .. }) => {}
                        Some(end) => return note_end(record, end, nonsense),
                        None => nonsense.push(format!("{path}: {heard:?}")),
                    }
                }
                // It was told of, so it is on disk.
                Heard::Answer { status: 404, .. } => {
                    return nonsense.push(format!("{path} was told of, and is not there"));
                }
                _ => testkit::pass(PAUSE).await,
            }
        }
    }

    async fn cancel(&self, record: &mut Record, id: i64) {
        let heard = self.shop.ask(self.request(Method::DELETE, &format!("/generate/{id}"))).await;
        if let Some(Said::Failed { code, .. }) = heard.json().map(|json| of_generation(&json)) {
            record.end(Told::Failed { code });
        }
    }

    /// Orders a package until that is taken, and pays.
    async fn buy(&self, name: &str) -> Option<Purchase> {
        let path = format!("/billing/packages/{}", PACKAGE.0);
        let body = json!({ "method": "yookassa" }).to_string();
        let order = || {
            let key = format!("crash-{name}");
            self.request(Method::POST, &path).header("idempotency-key", key).body(body.clone())
        };
        let ordered = self.shop.insist(order).await?;
        let page = ordered["confirmation_url"].as_str()?;
        let paid = self.shop.ask(self.shop.http.post(format!("{page}/succeed"))).await;
        Some(Purchase { payment_id: ordered["payment_id"].as_i64()?, is_paid: paid.json().is_some() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.shop.request(method, path, &self.account.key)
    }
}

/// The request that asks for what an order says.
pub(super) fn order_request(shop: &Shop, account: &Account, order: &Order) -> RequestBuilder {
    let path = if order.way == Way::Stream { "/generate/stream" } else { "/generate" };
    let request = shop.request(Method::POST, path, &account.key).body(order.body.to_string());
    match &order.key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    }
}

/// Takes in what is said of an end.
pub(super) fn note_end(record: &mut Record, said: Said, nonsense: &mut Vec<String>) {
    let tag = record.order.tag.clone();
    match said {
        Said::Completed { id, tokens, balance, text, file } => {
            record.name(id);
            if record.order.way == Way::Job && file.is_none() {
                nonsense.push(format!("{tag} completed without a file"));
            }
            if !text.is_empty() && !text.contains(&tag) {
                nonsense.push(format!("{tag} got somebody else's words: {text}"));
            }
            record.end(Told::Completed { tokens, balance });
        }
        Said::Failed { id, code } => {
            record.name(id);
            record.end(Told::Failed { code });
        }
        other => nonsense.push(format!("{tag}: {other:?}")),
    }
}
