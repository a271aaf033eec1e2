//! What comes back over HTTP, and what it says.

use reqwest::RequestBuilder;
use serde_json::Value;
use std::time::Duration;

/// How a request ended.
#[derive(Debug)]
pub(super) enum Heard {
    /// It was answered, to the end.
    Answer { status: u16, body: String },
    /// It never reached a server.
    Unsent,
    /// It broke off, after so much.
    Broken { body: String },
}

/// What an answer says of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Completed {
        id: i64,
        tokens: i64,
        balance: i64,
        text: String,
        file: Option<String>,
    },
    Failed {
        id: i64,
        code: String,
    },
    /// It runs on.
    Pending {
        id: i64,
    },
    /// Nothing was begun.
    Refused {
        code: String,
    },
    /// We are in trouble, and nothing was begun, as far as we are told.
    TurnedAway,
    /// Nobody knows what becomes of it.
    Unknown {
        id: Option<i64>,
    },
    /// It is no answer of the API's.
    Nonsense(String),
}

/// Sends a request and reads all of its answer, in no more than `patience`.
pub(super) async fn send(request: RequestBuilder, patience: Duration) -> Heard {
    let mut response = match request.timeout(patience).send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Heard::Unsent,
        Err(_) => return Heard::Broken { body: String::new() },
    };
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Heard::Answer { status, body: text(&bytes) },
            Err(_) => return Heard::Broken { body: text(&bytes) },
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Heard {
    /// The body of an answer with status 200 or 201, as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        match self {
            Self::Answer { status: 200 | 201, body } => serde_json::from_str(body).ok(),
            _ => None,
        }
    }

    /// What it says of a generation; nothing, where it never came so far.
    pub(super) fn said(&self) -> Option<Said> {
        match self {
            Self::Unsent => None,
            // A stream that broke off has named its generation, most of the time.
            Self::Broken { body } => Some(of_events(body).unwrap_or(Said::Unknown { id: None })),
            Self::Answer { status: 200, body } if body.starts_with("data: ") => {
                Some(of_events(body).unwrap_or_else(|| Said::Nonsense(body.clone())))
            }
            Self::Answer { status, body } => match serde_json::from_str(body) {
                Ok(json) if *status < 300 => Some(of_generation(&json)),
                Ok(json) => Some(of_error(*status, &json)),
                Err(_) => Some(Said::Nonsense(format!("{status} {body}"))),
            },
        }
    }
}

/// What a generation's record says.
pub(super) fn of_generation(json: &Value) -> Said {
    let nonsense = || Said::Nonsense(json.to_string());
    let Some(id) = json["id"].as_i64() else { return nonsense() };
    let owned = |field: &str| json[field].as_str().map(str::to_owned);
    match json["status"].as_str() {
        Some("pending") => Said::Pending { id },
        Some("failed") => Said::Failed { id, code: owned("error_code").unwrap_or_default() },
        Some("completed") => Said::Completed {
            id,
            tokens: json["tokens_spent"].as_i64().unwrap_or(-1),
            balance: json["balance_remaining"].as_i64().unwrap_or(-1),
            text: owned("result_text").unwrap_or_default(),
            file: owned("result_url"),
        },
        _ => nonsense(),
    }
}

fn of_error(status: u16, json: &Value) -> Said {
    let Some(code) = json["error"].as_str() else { return Said::Nonsense(json.to_string()) };
    let id = json["details"]["generation_id"].as_i64();
    let is_unknown = json["message"].as_str().is_some_and(|message| message.contains("outcome is not known"));
    match id {
        id if is_unknown => Said::Unknown { id },
        Some(id) => Said::Failed { id, code: code.to_owned() },
        None if status >= 500 => Said::TurnedAway,
        None => Said::Refused { code: code.to_owned() },
    }
}

/// What a stream's events say, as far as they came; `None` when not even the first one did.
fn of_events(body: &str) -> Option<Said> {
    let mut id = None;
    let mut text = String::new();
    for line in body.lines() {
        // The last line may have broken off.
        let Some(event) =
            line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok())
        else {
            continue;
        };
        id = id.or(event["id"].as_i64());
        match event["type"].as_str() {
            Some("content_delta") => text.push_str(event["delta"].as_str().unwrap_or_default()),
            Some("generation_end") => {
                return Some(Said::Completed {
                    id: id?,
                    tokens: event["tokens_spent"].as_i64().unwrap_or(-1),
                    balance: event["balance_remaining"].as_i64().unwrap_or(-1),
                    text,
                    file: None,
                });
            }
            Some("error") => return Some(of_error(500, &event)),
            _ => {}
        }
    }
    id.map(|id| Said::Unknown { id: Some(id) })
}
