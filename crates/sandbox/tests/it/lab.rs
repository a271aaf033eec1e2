//! A running sandbox with a client, and the endpoints to try on it.

use domain::port::Clock;
use reqwest::{
    Client, Method, RequestBuilder,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use sandbox::{Folder, NotificationTargets, Options, Sandbox};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{Arc, Once},
};

/// A sandbox of its own, with a client.
pub struct Lab {
    pub sandbox: Sandbox,
    pub client: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    /// The bytes that came, whether or not the body ended as it should.
    pub bytes: Vec<u8>,
    /// The same as text, for bodies that are.
    pub body: String,
    /// Whether the connection closed before the body was whole.
    pub is_cut: bool,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The data of every event that is JSON.
    pub fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An endpoint that answers questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub service: &'static str,
    pub model: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chat,
    Responses,
    Messages,
    Gemini,
}

pub const OPENAI_CHAT: Endpoint = Endpoint { service: "openai", model: "gpt-5-nano", kind: Kind::Chat };
pub const OPENAI_RESPONSES: Endpoint =
    Endpoint { service: "openai", model: "gpt-5.2-pro", kind: Kind::Responses };
pub const ANTHROPIC: Endpoint =
    Endpoint { service: "anthropic", model: "claude-haiku-4-5", kind: Kind::Messages };
pub const GOOGLE: Endpoint = Endpoint { service: "google", model: "gemini-2.5-flash", kind: Kind::Gemini };
pub const DEEPSEEK: Endpoint = Endpoint { service: "deepseek", model: "deepseek-flash", kind: Kind::Chat };
pub const XAI: Endpoint = Endpoint { service: "xai", model: "grok-4.3", kind: Kind::Chat };

pub const ENDPOINTS: [Endpoint; 6] = [OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GOOGLE, DEEPSEEK, XAI];

impl Endpoint {
    pub fn path(self, stream: bool) -> String {
        match self.kind {
            Kind::Chat => "/chat/completions".to_owned(),
            Kind::Responses => "/responses".to_owned(),
            Kind::Messages => "/v1/messages".to_owned(),
            Kind::Gemini if stream => format!("/v1beta/models/{}:streamGenerateContent?alt=sse", self.model),
            Kind::Gemini => format!("/v1beta/models/{}:generateContent", self.model),
        }
    }

    pub fn body(self, prompt: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": prompt}]);
        match self.kind {
            Kind::Chat => json!({"model": self.model, "messages": messages, "stream": stream}),
            Kind::Responses => json!({"model": self.model, "input": messages, "stream": stream}),
            Kind::Messages => {
                json!({"model": self.model, "max_tokens": 500, "messages": messages, "stream": stream})
            }
            Kind::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        }
    }

    /// The body with a ceiling on words.
    pub fn body_with_ceiling(self, prompt: &str, stream: bool, ceiling: usize) -> Value {
        let mut body = self.body(prompt, stream);
        match (self.kind, self.service) {
            (Kind::Chat, "openai") => body["max_completion_tokens"] = json!(ceiling),
            (Kind::Chat | Kind::Messages, _) => body["max_tokens"] = json!(ceiling),
            (Kind::Responses, _) => body["max_output_tokens"] = json!(ceiling),
            (Kind::Gemini, _) => body["generationConfig"] = json!({"maxOutputTokens": ceiling}),
        }
        body
    }

    /// The words of a whole answer.
    pub fn text(self, got: &Got) -> String {
        let json = got.json();
        let text = match self.kind {
            Kind::Chat => &json["choices"][0]["message"]["content"],
            Kind::Responses => {
                let items = json["output"].as_array().unwrap();
                &items.iter().find(|item| item["type"] == "message").unwrap()["content"][0]["text"]
            }
            Kind::Messages => &json["content"][0]["text"],
            Kind::Gemini => &json["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().unwrap_or_else(|| panic!("no text in {json}")).to_owned()
    }

    /// The pieces of a streamed answer.
    pub fn deltas(self, got: &Got) -> Vec<String> {
        let delta = |event: Value| {
            let delta = match self.kind {
                Kind::Chat => &event["choices"][0]["delta"]["content"],
                Kind::Responses if event["type"] == "response.output_text.delta" => &event["delta"],
                Kind::Messages => &event["delta"]["text"],
                Kind::Gemini => &event["candidates"][0]["content"]["parts"][0]["text"],
                Kind::Responses => &Value::Null,
            };
            delta.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        got.events().into_iter().filter_map(delta).collect()
    }
}

impl Lab {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let sandbox = Sandbox::start_with(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        Self { sandbox, client: Client::new() }
    }

    /// Starts one that goes on where the last one on that folder was.
    pub async fn start_on(folder: &Path, clock: Arc<dyn Clock>, notifications: NotificationTargets) -> Self {
        let folder = Folder::open(folder.to_owned()).await.unwrap();
        Self::start_with(Options { clock: Some(clock), notifications, folder: Some(folder) }).await
    }

    /// A request with the vendor's own headers.
    pub fn request(&self, method: Method, service: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.sandbox.base_url(service).unwrap());
        self.client.request(method, url).headers(headers(service))
    }

    pub async fn post(&self, service: &str, path: &str, body: &Value) -> Got {
        fetch(self.request(Method::POST, service, path).body(body.to_string())).await
    }

    pub async fn get(&self, service: &str, path: &str) -> Got {
        fetch(self.request(Method::GET, service, path)).await
    }

    /// Posts a form.
    pub async fn form(&self, service: &str, path: &str, parts: &[Part<'_>]) -> Got {
        let body = multipart(parts);
        let request = self.request(Method::POST, service, path);
        fetch(
            request
                .headers(HeaderMap::from_iter([(
                    HeaderName::from_static("content-type"),
                    HeaderValue::from_static("multipart/form-data; boundary=XXX"),
                )]))
                .body(body),
        )
        .await
    }

    /// Fetches a result, as anybody may.
    pub async fn result(&self, url: &Value) -> Got {
        fetch(self.client.get(url.as_str().unwrap_or_else(|| panic!("no URL: {url}")))).await
    }

    pub async fn ask(&self, endpoint: Endpoint, prompt: &str, stream: bool) -> Got {
        self.post(endpoint.service, &endpoint.path(stream), &endpoint.body(prompt, stream)).await
    }

    pub fn control_url(&self) -> String {
        format!("http://{}/_control", self.sandbox.addr())
    }

    pub async fn control(&self, command: &Value) -> Got {
        fetch(self.client.post(self.control_url()).body(command.to_string())).await
    }
}

/// A part of a form: its name, the name and the type of its file if it is one, and what it holds.
pub type Part<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [u8]);

fn multipart(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let head = match file {
            Some((file_name, kind)) => {
                format!("name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: {kind}")
            }
            None => format!("name=\"{name}\""),
        };
        body.extend_from_slice(format!("--XXX\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XXX--\r\n");
    body
}

/// Asserts that `json` has these values at these JSON pointers.
#[track_caller]
pub fn check(json: &Value, expected: &[(&str, Value)]) {
    for (pointer, value) in expected {
        assert_eq!(json.pointer(pointer), Some(value), "at {pointer} of {json:#}");
    }
}

fn headers(service: &str) -> HeaderMap {
    let pairs: &[(&str, &str)] = match service {
        "anthropic" => &[("x-api-key", "key"), ("anthropic-version", "2023-06-01")],
        "google" => &[("x-goog-api-key", "key")],
        "elevenlabs" => &[("xi-api-key", "key")],
        "midjourney" => &[("mj-api-secret", "key")],
        _ => &[("authorization", "Bearer key")],
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in pairs {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

/// Sends a request and reads its answer to whatever end it has.
pub async fn fetch(request: RequestBuilder) -> Got {
    let mut response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    let is_cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    Got { status, headers, body: String::from_utf8_lossy(&body).into_owned(), bytes: body, is_cut }
}
