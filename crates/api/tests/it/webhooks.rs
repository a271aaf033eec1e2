//! Webhooks: what is told to whom, that it is signed, and that it gets through, against real servers.

mod billing;
mod disabling;
mod endpoints;
mod generations;
mod retries;
mod rotation;

use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};
use testkit::{Account, Reply, Service, send};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// A client's server.
struct Receiver {
    server: MockServer,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Self {
        let (server, status) = (MockServer::start().await, Arc::new(AtomicU16::new(204)));
        let answer = Arc::clone(&status);
        let respond = move |_: &Request| {
            let response = ResponseTemplate::new(answer.load(Ordering::SeqCst));
            response.insert_header("location", "/elsewhere").set_body_string("x".repeat(100_000))
        };
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { server, status }
    }

    /// Answers so from now on.
    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        format!("{}/hook", self.server.uri())
    }

    /// All that came, oldest first.
    async fn messages(&self) -> Vec<Message> {
        let requests = self.server.received_requests().await.unwrap();
        requests.into_iter().map(Message).collect()
    }

    /// The one message that came.
    async fn message(&self) -> Message {
        let mut messages = self.messages().await;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }
}

/// What came.
struct Message(Request);

impl Message {
    fn header(&self, name: &str) -> &str {
        self.0.headers.get(name).unwrap().to_str().unwrap()
    }

    fn id(&self) -> &str {
        self.header("webhook-id")
    }

    fn body(&self) -> Value {
        self.0.body_json().unwrap()
    }

    fn kind(&self) -> String {
        self.body()["type"].as_str().unwrap().to_owned()
    }

    /// Whether one of its signatures is made with that secret. The time is the test's own, so it is not held against a clock.
    fn is_signed_by(&self, secret: &Value) -> bool {
        let unix_s = self.header("webhook-timestamp").parse().unwrap();
        let webhook = Webhook::new(secret.as_str().unwrap()).unwrap();
        let signature = webhook.sign(self.id(), unix_s, &self.0.body).unwrap();
        self.header("webhook-signature").split(' ').any(|one| one == signature)
    }
}

/// Names an endpoint for `events`, or for all.
async fn listen(service: &Service, account: &Account, receiver: &Receiver, events: &[&str]) -> Value {
    let mut body = json!({ "url": receiver.url() });
    if !events.is_empty() {
        body["events"] = json!(events);
    }
    service.post("/webhooks", &account.key, &body).await.expect(201)
}

async fn change(service: &Service, account: &Account, id: &Value, body: &Value) -> Reply {
    let request = service.request(Method::PATCH, &format!("/api/v2/webhooks/{id}"), &account.key);
    send(request.header("content-type", "application/json").body(body.to_string())).await
}

async fn delete(service: &Service, account: &Account, id: &Value) -> Reply {
    send(service.request(Method::DELETE, &format!("/api/v2/webhooks/{id}"), &account.key)).await
}

async fn shown(service: &Service, account: &Account, id: &Value) -> Value {
    service.get(&format!("/webhooks/{id}"), &account.key).await.expect(200)
}

/// What was sent to an endpoint, newest first.
async fn deliveries(service: &Service, account: &Account, id: &Value) -> Vec<Value> {
    let page = service.get(&format!("/webhooks/{id}/deliveries?limit=100"), &account.key).await.expect(200);
    let items = page["items"].as_array().unwrap().clone();
    assert_eq!(page["total"], items.len());
    items
}

async fn generate(service: &Service, account: &Account, prompt: &str) -> Reply {
    service.generate(&account.key, "gpt-5-nano", prompt).await
}
