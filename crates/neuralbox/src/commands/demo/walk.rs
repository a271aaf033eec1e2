//! The walk: each step says what it asks and what came back, and is held against what was promised.

use super::client::Client;
use crate::commands::Error;
use app::App;
use serde_json::{Value, json};
use std::io::Write;
use tokio::task::JoinSet;

/// Requests that race for the balance of one account.
const RACERS: i64 = 60;

pub(super) struct Walk {
    app: App,
    client: Client,
    balance: i64,
    steps: u32,
    failures: u32,
}

impl Walk {
    pub(super) fn new(app: App, client: Client) -> Self {
        Self { app, client, balance: 0, steps: 0, failures: 0 }
    }

    /// Whether every step held.
    pub(super) fn has_held(&self) -> bool {
        self.failures == 0
    }

    /// Goes all the way. `racing_key` is of a second account, whose balance is spent to the last token.
    pub(super) async fn all(&mut self, racing_key: &str) -> Result<(), Error> {
        self.catalog().await?;
        let price = self.quote().await?;
        self.generation(price).await?;
        self.stream().await?;
        self.failing_vendor().await?;
        self.race(racing_key).await?;
        let verdict = match self.failures {
            0 => "every step held".to_owned(),
            failures => format!("{failures} checks FAILED"),
        };
        println!("\n{} steps: {verdict}.", self.steps);
        Ok(())
    }

    async fn catalog(&mut self) -> Result<(), Error> {
        self.step("The catalog", "GET /models, GET /balance");
        let models = self.client.get("/models").await?.body;
        let items = models["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let usable = items.iter().filter(|model| model["available"] == json!(true)).count();
        say(&format!("{} models, {usable} of them can be used in this build", models["total"]));
        self.check("50 models are on sale", models["total"] == json!(50));
        self.balance = self.read_balance().await?;
        self.check("a new VIP account has its plan's 1500 tokens", self.balance == 1_500);
        self.books().await
    }

    async fn quote(&mut self) -> Result<i64, Error> {
        self.step("A quote", "POST /models/gpt-5/calculate-price");
        let quote = self.client.post("/models/gpt-5/calculate-price", &json!({})).await?.body;
        let price = quote["token_cost"].as_i64().unwrap_or_default();
        say(&format!("gpt-5 costs {price} tokens a generation"));
        let hd = json!({ "params": { "size": "1792x1024", "quality": "hd" }, "count": 1 });
        let dear = self.client.post("/models/dall-e-3/calculate-price", &hd).await?.body;
        say(&format!("dall-e-3 in hd at 1792x1024 costs {} tokens", dear["token_cost"]));
        self.check("the prices are the catalog's", price == 2 && dear["token_cost"] == json!(13));
        self.spent(0).await?;
        Ok(price)
    }

    async fn generation(&mut self, price: i64) -> Result<(), Error> {
        self.step("A generation", "POST /generate, GET /generate/{id}");
        let body = json!({ "model": "gpt-5", "prompt": "Why is the sea salty?" });
        let answer = self.client.post("/generate", &body).await?;
        say(&format!("“{}”", answer.body["result_text"].as_str().unwrap_or_default()));
        self.check("it completed", answer.status == 200 && answer.body["status"] == json!("completed"));
        self.check("it cost what was quoted", answer.body["tokens_spent"] == json!(price));
        let record = self.client.get(&format!("/generate/{}", answer.body["id"])).await?;
        self.check("it is on record as it was answered", record.body == answer.body);
        self.spent(price).await
    }

    async fn stream(&mut self) -> Result<(), Error> {
        self.step("A stream", "POST /generate/stream");
        let body = json!({ "model": "claude-haiku-4.5", "prompt": "Why is the sea salty?" });
        let mut events: Vec<Value> = Vec::new();
        let mut is_done = false;
        print!("   ");
        self.client
            .stream("/generate/stream", &body, |data| {
                is_done = data == "[DONE]";
                let event: Value = serde_json::from_str(data).unwrap_or_default();
                print!("{}", event["delta"].as_str().unwrap_or_default());
                // Shown as it comes; a terminal that is gone is no reason to stop.
                let _ = std::io::stdout().flush();
                events.push(event);
            })
            .await?;
        println!();
        let kinds = |kind: &str| events.iter().filter(|event| event["type"] == json!(kind)).count();
        let is_whole = kinds("generation_start") == 1 && kinds("content_delta") > 1 && is_done;
        self.check("it came in pieces and ended cleanly", is_whole && kinds("generation_end") == 1);
        self.spent(1).await
    }

    async fn failing_vendor(&mut self) -> Result<(), Error> {
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

    async fn race(&mut self, key: &str) -> Result<(), Error> {
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

    fn step(&mut self, name: &str, asks: &str) {
        self.steps += 1;
        println!("\n{}. {name}  ({asks})", self.steps);
    }

    fn check(&mut self, promise: &str, holds: bool) {
        println!("   {} {promise}", if holds { "ok    " } else { "FAILED" });
        self.failures += u32::from(!holds);
    }

    /// Speaks only of what does not hold.
    fn check_quietly(&mut self, promise: &str, holds: bool) {
        if !holds {
            self.check(promise, holds);
        }
    }

    async fn read_balance(&self) -> Result<i64, Error> {
        let body = self.client.get("/balance").await?.body;
        Ok(body["token_balance"].as_i64().unwrap_or_default())
    }

    /// The balance is `tokens` lower than before, and the ledger agrees.
    async fn spent(&mut self, tokens: i64) -> Result<(), Error> {
        let (before, after) = (self.balance, self.read_balance().await?);
        self.balance = after;
        self.check(&format!("balance {before} → {after}"), before - after == tokens);
        self.books().await
    }

    async fn books(&mut self) -> Result<(), Error> {
        let report = self.app.verify_ledger().await?;
        let promise = format!(
            "the ledger's replay agrees: {} entries, {} open holds",
            report.entries, report.open_holds
        );
        self.check(&promise, report.problems.is_empty() && report.open_holds == 0);
        Ok(())
    }
}

fn say(line: &str) {
    println!("   {line}");
}
