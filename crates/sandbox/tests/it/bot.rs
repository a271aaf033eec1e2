//! A bot at Telegram, with a clock that stands still.

use crate::{
    inbox::{Inbox, Replies},
    lab::{Got, Lab, fetch},
    shop::StillClock,
};
use sandbox::{NotificationTargets, Options};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

pub const PERIOD_MS: i64 = 2_592_000_000;
pub const SECRET: &str = "bot-secret";

pub struct Bot {
    pub lab: Lab,
    pub clock: Arc<StillClock>,
    pub inbox: Inbox,
}

/// Lets every payment go on, in the answer to the update itself.
pub fn agree(update: &Value) -> Option<Value> {
    let id = &update["pre_checkout_query"]["id"];
    id.is_string()
        .then(|| json!({"method": "answerPreCheckoutQuery", "pre_checkout_query_id": id, "ok": true}))
}

impl Bot {
    /// A bot that agrees to all payments.
    pub async fn open() -> Self {
        Self::replying(agree).await
    }

    pub async fn replying(replies: Replies) -> Self {
        let (clock, inbox) = (StillClock::new(), Inbox::replying(replies).await);
        let telegram = Some((inbox.url.clone(), SECRET.to_owned()));
        let notifications = NotificationTargets { yookassa: None, telegram };
        let options = Options { clock: Some(clock.clone()), notifications, ..Options::default() };
        Self { lab: Lab::start_with(options).await, clock, inbox }
    }

    /// The same bot after its sandbox was killed and started again on `folder`.
    pub async fn restarted(self, folder: &Path) -> Self {
        drop(self.lab);
        let telegram = Some((self.inbox.url.clone(), SECRET.to_owned()));
        let notifications = NotificationTargets { yookassa: None, telegram };
        Self { lab: Lab::start_on(folder, self.clock.clone(), notifications).await, ..self }
    }

    pub fn url(&self, method: &str) -> String {
        format!("{}/bot123456:TEST-token_1/{method}", self.lab.sandbox.base_url("telegram").unwrap())
    }

    pub async fn call(&self, method: &str, parameters: &Value) -> Got {
        let request = self.lab.client.post(self.url(method)).header("content-type", "application/json");
        fetch(request.body(parameters.to_string())).await
    }

    /// The result of a call that goes well.
    pub async fn result(&self, method: &str, parameters: &Value) -> Value {
        let got = self.call(method, parameters).await;
        assert_eq!((got.status, &got.json()["ok"]), (200, &json!(true)), "{method}: {got:?}");
        got.json()["result"].clone()
    }

    /// The description of a call that is refused.
    pub async fn refusal(&self, method: &str, parameters: &Value) -> (u16, String) {
        let got = self.call(method, parameters).await;
        let json = got.json();
        assert_eq!((&json["ok"], &json["error_code"]), (&json!(false), &json!(got.status)), "{got:?}");
        (got.status, json["description"].as_str().unwrap().to_owned())
    }

    /// The link of an invoice.
    pub async fn link(&self, changes: &Value) -> String {
        self.result("createInvoiceLink", &invoice(changes)).await.as_str().unwrap().to_owned()
    }

    /// Has a user pay; says what happened.
    pub async fn pay(&self, link: &str, user_id: i64) -> Value {
        let body = json!({"user_id": user_id}).to_string();
        let got = fetch(self.lab.client.post(format!("{link}/succeed")).body(body)).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }

    /// Has user 42 pay, and gives the id of the charge. What was told of it is taken.
    pub async fn charge(&self, changes: &Value) -> String {
        let link = self.link(changes).await;
        let paid = self.pay(&link, 42).await;
        assert_eq!(paid["status"], "succeeded", "{paid}");
        self.updates().await;
        paid["telegram_payment_charge_id"].as_str().unwrap().to_owned()
    }

    /// The updates that have come since this was last asked. All of them bear the secret.
    pub async fn updates(&self) -> Vec<Value> {
        self.lab.sandbox.delivered().await;
        let notes = self.inbox.take();
        for note in &notes {
            assert_eq!(note.headers["x-telegram-bot-api-secret-token"], SECRET);
        }
        notes.into_iter().map(|note| note.json).collect()
    }

    /// What of them was paid.
    pub async fn payments(&self) -> Vec<Value> {
        let updates = self.updates().await;
        let paid = updates.into_iter().map(|mut update| update["message"]["successful_payment"].take());
        paid.filter(Value::is_object).collect()
    }

    pub async fn fault(&self, fault: &str) {
        let got = self.lab.control(&json!({"service": "telegram", "fault": fault})).await;
        assert_eq!(got.status, 200, "{got:?}");
    }

    pub async fn tick_after(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.lab.sandbox.tick().await;
    }
}

/// A good invoice with changes; `null` leaves a parameter out.
pub fn invoice(changes: &Value) -> Value {
    let mut parameters = json!({
        "title": "Basic",
        "description": "A month of Basic",
        "payload": "order-1",
        "provider_token": "",
        "currency": "XTR",
        "prices": [{"label": "Basic", "amount": 445}],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(parameters.as_object_mut().unwrap().remove(name)),
            value => parameters[name] = value.clone(),
        }
    }
    parameters
}

/// What makes an invoice one for a subscription.
pub fn monthly() -> Value {
    json!({"subscription_period": 2_592_000})
}
