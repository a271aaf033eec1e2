//! What is sold, and for how much.

use super::{Walk, say};
use crate::commands::Error;
use serde_json::json;

impl Walk {
    pub(super) async fn catalog(&mut self) -> Result<(), Error> {
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

    pub(super) async fn quote(&mut self) -> Result<i64, Error> {
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
}
