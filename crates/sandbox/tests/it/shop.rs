//! A shop at YooKassa, with a clock that stands still, and somebody who is told.

use crate::{
    inbox::Inbox,
    lab::{Got, Lab, fetch},
};
use domain::{port::Clock, time::Timestamp};
use reqwest::{Method, RequestBuilder};
use sandbox::{NotificationTargets, Options};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

pub const MINUTE_MS: i64 = 60_000;
pub const DAY_MS: i64 = 86_400_000;
/// 2026-11-22T00:00:00Z.
const START_UNIX_MS: i64 = 1_795_305_600_000;

/// A clock that a test moves.
#[derive(Debug)]
pub struct StillClock(AtomicI64);

impl StillClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(START_UNIX_MS.into()))
    }

    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.monotonic_ms())
    }

    fn monotonic_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub struct Shop {
    pub lab: Lab,
    pub clock: Arc<StillClock>,
    pub inbox: Inbox,
    keys: AtomicU32,
}

impl Shop {
    pub async fn open() -> Self {
        let (clock, inbox) = (StillClock::new(), Inbox::open().await);
        let notifications = NotificationTargets { yookassa: Some(inbox.url.clone()), telegram: None };
        let options = Options { clock: Some(clock.clone()), notifications, ..Options::default() };
        Self { lab: Lab::start_with(options).await, clock, inbox, keys: AtomicU32::new(0) }
    }

    /// The same shop after its sandbox was killed and started again on `folder`.
    pub async fn restarted(self, folder: &Path) -> Self {
        drop(self.lab);
        let notifications = NotificationTargets { yookassa: Some(self.inbox.url.clone()), telegram: None };
        Self { lab: Lab::start_on(folder, self.clock.clone(), notifications).await, ..self }
    }

    /// A request as the shop makes it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.lab.sandbox.base_url("yookassa").unwrap());
        self.lab.client.request(method, url).basic_auth("100500", Some("test_key"))
    }

    pub fn post_request(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("Idempotence-Key", key)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    pub async fn post_with(&self, key: &str, path: &str, body: &Value) -> Got {
        fetch(self.post_request(path, key, body)).await
    }

    /// Posts with a key of its own.
    pub async fn post(&self, path: &str, body: &Value) -> Got {
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst));
        self.post_with(&key, path, body).await
    }

    pub async fn get(&self, path: &str) -> Got {
        fetch(self.request(Method::GET, path)).await
    }

    /// A payment that is accepted.
    pub async fn pay(&self, changes: Value) -> Value {
        let got = self.post("/payments", &order(&changes)).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }

    /// A payment as it now stands.
    pub async fn payment(&self, payment: &Value) -> Value {
        let got = self.get(&format!("/payments/{}", payment["id"].as_str().unwrap())).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }

    /// Presses a button of a payment's page.
    pub async fn press(&self, payment: &Value, button: &str) -> Value {
        let id = payment["id"].as_str().unwrap();
        let url = format!("http://{}/yookassa/confirm/{id}/{button}", self.lab.sandbox.addr());
        let got = fetch(self.lab.client.post(url)).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }

    /// A payment whose method is saved; gives the method's id.
    pub async fn saved_method(&self) -> String {
        let payment = self.pay(json!({"save_payment_method": true})).await;
        let paid = self.press(&payment, "succeed").await;
        self.lab.sandbox.delivered().await;
        self.inbox.take();
        paid["payment_method"]["id"].as_str().unwrap().to_owned()
    }

    /// A charge by a saved method.
    pub async fn charge(&self, method_id: &str) -> Value {
        let body = json!({"amount": rub("890.00"), "capture": true, "payment_method_id": method_id});
        let got = self.post("/payments", &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }

    pub async fn fault(&self, fault: &str, times: u32) {
        let got = self.lab.control(&json!({"service": "yookassa", "fault": fault, "times": times})).await;
        assert_eq!(got.status, 200, "{got:?}");
    }

    /// The events that have come since this was last asked, with the ids of what they are about.
    pub async fn events(&self) -> Vec<(String, Value)> {
        self.lab.sandbox.delivered().await;
        let event = |json: Value| (json["event"].as_str().unwrap().to_owned(), json["object"]["id"].clone());
        self.inbox.take().into_iter().map(|note| event(note.json)).collect()
    }

    pub async fn tick_after(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.lab.sandbox.tick().await;
    }
}

pub fn rub(value: &str) -> Value {
    json!({"value": value, "currency": "RUB"})
}

/// A good payment with changes; `null` leaves a field out.
pub fn order(changes: &Value) -> Value {
    let mut body = json!({
        "amount": rub("890.00"),
        "capture": true,
        "description": "Basic, a month",
        "confirmation": {"type": "redirect", "return_url": "https://shop.example/back?a=1"},
        "metadata": {"payment_id": "7"},
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}
