//! Words: at once, and as they come.

use super::{Walk, say};
use crate::commands::Error;
use serde_json::{Value, json};
use std::io::Write;

impl Walk {
    pub(super) async fn generation(&mut self, price: i64) -> Result<(), Error> {
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

    pub(super) async fn stream(&mut self) -> Result<(), Error> {
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
}
