//! A picture, a film and a song: made as jobs, waited for, fetched, and saved where a person can look at them.

use super::{Walk, say};
use crate::commands::{
    Error,
    demo::client::{Answer, Client},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Minutes that a job may take.
const MAX_WAITS: usize = 5;

/// What is to be made.
struct Wish {
    name: &'static str,
    model: &'static str,
    prompt: &'static str,
    content_type: &'static str,
    /// Where in a file of that type which bytes stand.
    magic: (usize, &'static [u8]),
}

const WISHES: [Wish; 3] = [
    Wish {
        name: "picture.webp",
        model: "flux-1.1-pro",
        prompt: "A lighthouse at dusk, in oil",
        content_type: "image/webp",
        magic: (8, b"WEBP"),
    },
    Wish {
        name: "film.mp4",
        model: "luma-ray2-flash",
        prompt: "Waves against a lighthouse",
        content_type: "video/mp4",
        magic: (4, b"ftyp"),
    },
    Wish {
        name: "song.mp3",
        model: "musicgen",
        prompt: "A slow waltz for an accordion",
        content_type: "audio/mpeg",
        // The first frame's.
        magic: (0, b"\xff\xfb"),
    },
];

impl Walk {
    pub(super) async fn files(&mut self) -> Result<(), Error> {
        self.step("A picture, a film and a song", "POST /generate, GET /generate/{id}, GET /files/{name}");
        let mut jobs = JoinSet::new();
        let mut total = 0;
        for wish in &WISHES {
            let price = self.price(wish).await?;
            let body = json!({ "model": wish.model, "prompt": wish.prompt });
            let Answer { status, body } = self.client.post_async("/generate", &body).await?;
            let promise =
                format!("{} is accepted for {price} tokens, as generation {}", wish.model, body["id"]);
            self.check(&promise, status == 202 && body["status"] == json!("pending"));
            let client = self.client.clone();
            jobs.spawn(async move { ended(&client, &body["id"]).await.map(|body| (wish, price, body)) });
            total += price;
        }
        say("They run at their vendors, and are waited for with Prefer: wait=60 …");
        while let Some(ended) = jobs.join_next().await {
            let (wish, price, body) = ended.map_err(|error| Error::Other(error.to_string()))??;
            self.receive(wish, price, &body).await?;
        }
        self.spent(total).await
    }

    async fn price(&self, wish: &Wish) -> Result<i64, Error> {
        let path = format!("/models/{}/calculate-price", wish.model);
        let quote = self.client.post(&path, &json!({})).await?.body;
        Ok(quote["token_cost"].as_i64().unwrap_or_default())
    }

    async fn receive(&mut self, wish: &Wish, price: i64, body: &Value) -> Result<(), Error> {
        let Some(url) = body["result_url"].as_str() else {
            say(&format!("{} {}: {}", wish.model, body["status"], body["error"]));
            self.check(&format!("{} made {}", wish.model, wish.name), false);
            return Ok(());
        };
        let file = self.client.download(url).await?;
        let path = self.folder.join(wish.name);
        tokio::fs::write(&path, &file.bytes).await?;
        say(&format!("{} made {} ({} bytes)", wish.model, path.display(), file.bytes.len()));
        let (at, magic) = wish.magic;
        let is_it = file.bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        self.check(&format!("it is {}", wish.content_type), is_it && file.content_type == wish.content_type);
        self.check("it cost what was quoted", body["tokens_spent"] == json!(price));
        Ok(())
    }
}

/// The generation once it has ended.
async fn ended(client: &Client, id: &Value) -> Result<Value, Error> {
    for _ in 0..MAX_WAITS {
        let body = client.wait(id).await?.body;
        if body["status"] != json!("pending") {
            return Ok(body);
        }
    }
    Err(Error::Other(format!("generation {id} does not end")))
}
