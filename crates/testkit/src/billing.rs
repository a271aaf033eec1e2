//! Paying, and the worker that minds what was paid.

use crate::{Account, Reply, Service, send};
use domain::ledger::Wallet;
use reqwest::Method;
use serde_json::{Value, json};

/// Rounds of billing after which it should have come to rest.
const MAX_ROUNDS: usize = 200;

impl Service {
    /// `POST /billing/packages/{slug}`
    pub async fn order_package(&self, account: &Account, slug: &str, method: &str) -> Reply {
        self.post(&format!("/billing/packages/{slug}"), &account.key, &json!({ "method": method })).await
    }

    /// `POST /billing/subscription`
    pub async fn order_plan(&self, account: &Account, plan: &str, method: &str) -> Reply {
        let body = json!({ "plan": plan, "method": method });
        self.post("/billing/subscription", &account.key, &body).await
    }

    /// `DELETE /billing/subscription`
    pub async fn cancel_subscription(&self, account: &Account) -> Reply {
        send(self.request(Method::DELETE, "/api/v2/billing/subscription", &account.key)).await
    }

    /// What a payer does on the page of an order: `succeed` or `cancel`. Then lets word of it come through.
    pub async fn confirm(&self, order: &Value, what: &str) -> Reply {
        let page = order["confirmation_url"].as_str().expect("the order has a page").to_owned();
        let reply = send(self.http_client().post(format!("{page}/{what}"))).await;
        self.hear_and_bill().await;
        reply
    }

    /// Buys a plan and pays for it.
    pub async fn subscribe(&self, account: &Account, plan: &str, method: &str) -> Value {
        let order = self.order_plan(account, plan, method).await.expect(201);
        self.confirm(&order, "succeed").await.expect(200);
        order
    }

    /// Lets payment services do what is due and tell of it, and has the worker do what is due, until nothing is.
    pub async fn hear_and_bill(&self) {
        for _ in 0..MAX_ROUNDS {
            self.sandbox.tick().await;
            self.sandbox.delivered().await;
            if self.app.bill().await.expect("the database answers").total() == 0 {
                return;
            }
        }
        panic!("billing does not come to rest");
    }

    /// Lets so many milliseconds pass in steps of at most `step_ms`, with billing and sweeping after each.
    pub async fn live_through(&self, ms: i64, step_ms: i64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min(step_ms);
            self.clock.advance_ms(step);
            left -= step;
            self.hear_and_bill().await;
            self.app.recover().await.expect("the database answers");
            self.app.finish_erasures().await.expect("the database answers");
        }
    }

    /// `GET /billing/payments`, newest first.
    pub async fn payments(&self, account: &Account) -> Vec<Value> {
        let page = self.get("/billing/payments", &account.key).await.expect(200);
        page["items"].as_array().expect("a list").clone()
    }

    /// `GET /billing/subscription`
    pub async fn subscription(&self, account: &Account) -> Reply {
        self.get("/billing/subscription", &account.key).await
    }

    /// An account's tokens as the ledger has them.
    pub async fn wallet(&self, account: &Account) -> Wallet {
        self.storage.ledger().wallet(account.id).await.expect("the account has a wallet")
    }

    /// What the sandbox's books of payments say: every payment and refund.
    pub async fn books(&self) -> Value {
        send(self.http_client().get(format!("http://{}/_control/payments", self.sandbox.addr())))
            .await
            .expect(200)
    }
}
