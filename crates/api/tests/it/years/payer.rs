//! What people do on the pages of payment services, and what those do of their own accord.

use rand::{RngExt, rngs::StdRng};
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Value, json};
use testkit::Service;

/// A way to the services that is not the app's.
#[derive(Clone)]
pub(super) struct Payer {
    http: Client,
    yookassa: String,
    telegram: String,
}

impl Payer {
    pub(super) fn new(service: &Service) -> Self {
        let url = |name: &str| service.sandbox.base_url(name).unwrap();
        Self { http: testkit::http_client(), yookassa: url("yookassa"), telegram: url("telegram") }
    }

    /// Pays on an order's page. Says whether that went well, as far as the page tells.
    pub(super) async fn pay(&self, page: &str, user_id: i64, saves: bool) -> bool {
        let body = json!({ "user_id": user_id, "save": saves });
        self.post(&format!("{page}/succeed"), &body).await["status"] == "succeeded"
    }

    /// Turns away from an order's page.
    pub(super) async fn leave(&self, page: &str) {
        self.post(&format!("{page}/cancel"), &json!({})).await;
    }

    /// Takes money back behind the app's back: a chargeback, or a refund by hand.
    pub(super) async fn take_back(
        &self,
        gateway_id: &str,
        user_id: Option<i64>,
        kopecks: i64,
        rng: &mut StdRng,
    ) {
        let Some(user_id) = user_id else {
            let value = format!("{}.{:02}", kopecks / 100, kopecks % 100);
            let amount = json!({ "value": value, "currency": "RUB" });
            let request =
                self.http.post(format!("{}/refunds", self.yookassa)).basic_auth("100500", Some("test_key"));
            let key = format!("by-hand-{:016x}", rng.random::<u64>());
            let body = json!({ "payment_id": gateway_id, "amount": amount });
            let request = request.header("Idempotence-Key", key).header(CONTENT_TYPE, "application/json");
            request.body(body.to_string()).send().await.unwrap();
            return;
        };
        let body = json!({ "user_id": user_id, "telegram_payment_charge_id": gateway_id });
        self.post(&format!("{}/bot1:token/refundStarPayment", self.telegram), &body).await;
    }

    async fn post(&self, url: &str, body: &Value) -> Value {
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = request.send().await.unwrap().bytes().await;
        // A fault may have cut it.
        answer.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}
