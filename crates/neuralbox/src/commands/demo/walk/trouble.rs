//! Vendors that fail, and clients that all want the same tokens.

use super::{Walk, say};
use crate::commands::Error;
use serde_json::json;
use tokio::task::JoinSet;

/// Requests that race for the balance of one account.
const RACERS: i64 = 60;

impl Walk {
    pub(super) async fn failing_vendor(&mut self) -> Result<(), Error> {
        self.step("Vendors that fail", "POST /generate, with faults of the sandbox's");
        for (fault, status) in [("500", 500), ("401", 503), ("refuse", 422), ("malformed", 500), ("cut", 500)]
        {
            let body = json!({ "model": "gpt-5", "prompt": format!("Hello [[fault:{fault}]]") });
            let answer = self.client.post("/generate", &body).await?;
            let text = |field: &str| answer.body[field].as_str().unwrap_or_default().to_owned();
            say(&format!("{fault:9} → {} {}: {}", answer.status, text("error"), text("message")));
            self.check_quietly(&format!("{fault} is answered {status}"), answer.status == status);
        }
        self.spent(0).await
    }

    pub(super) async fn race(&mut self, key: &str) -> Result<(), Error> {
        self.step("A race", "POST /generate, many at once on one account");
        let client = self.client.with_key(key);
        let balance = client.get("/balance").await?.body["token_balance"].as_i64().unwrap_or_default();
        let price = 39;
        let mut racers = JoinSet::new();
        for _ in 0..RACERS {
            let racer = client.with_key(key);
            racers.spawn(async move {
                let body = json!({ "model": "gpt-5.2-pro", "prompt": "Hello" });
                racer.post("/generate", &body).await.map(|answer| answer.status)
            });
        }
        let statuses = racers.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let count =
            |status| i64::try_from(statuses.iter().filter(|s| **s == status).count()).unwrap_or_default();
        let (paid, refused) = (count(200), count(402));
        say(&format!("{RACERS} requests of {price} tokens on {balance}: {paid} admitted, {refused} refused"));
        let is_exact = paid == balance / price && paid + refused == RACERS;
        self.check("exactly as many as the balance covers", is_exact);
        let rest = client.get("/balance").await?.body["token_balance"].as_i64();
        self.check("the rest is what it must be", rest == Some(balance - paid * price));
        self.books().await
    }
}
