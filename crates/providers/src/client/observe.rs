//! Letting somebody watch what is said to vendors.
//!
//! What is shown is made of the adapter's own request, which never held the key; so it cannot show it. Of an answer only
//! the status and the time are shown.

use super::Vendor;
use crate::adapter::{BASE64_MARK, Body, DATA_URL_MARK, Field, Request};
use domain::media::InputFile;
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;

/// Characters that a text within a body is shown with.
const MAX_CHARS: usize = 200;
/// Stands for the key.
const HIDDEN: &str = "…";

/// Whoever watches. It is called while the vendor waits, so it should be quick.
pub type Observer = Arc<dyn Fn(&Observed) + Send + Sync>;

/// What an observer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// This goes out; a repeat is told again.
    Sent(Shown),
    /// An answer to what was sent last begins.
    Answered {
        /// Its status.
        status: u16,
        /// Milliseconds since it was sent.
        after_ms: u64,
    },
    /// There is no answer to what was sent last.
    Unanswered {
        /// Milliseconds since it was sent.
        after_ms: u64,
    },
}

/// A request as it may be shown: without the key, without files, and with long texts shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its method.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// Its headers; `…` stands for the key.
    pub headers: BTreeMap<String, String>,
    /// Its body; null when it has none.
    pub body: Value,
}

impl Vendor {
    /// What an observer gets to see of `request`, where there is one.
    pub(super) fn shown(&self, request: &Request) -> Option<Shown> {
        self.observer.as_ref()?;
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or(HIDDEN).to_owned();
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let mut headers: BTreeMap<_, _> = headers.collect();
        let hidden = self.adapter.key_carrier().headers(HIDDEN);
        headers.extend(hidden.into_iter().map(|(name, value)| (name.to_string(), value)));
        Some(Shown {
            method: request.method.to_string(),
            url: format!("{}{}", self.base_url, request.path),
            headers,
            body: shown_body(&request.body),
        })
    }

    /// Sends `builder`, of which an observer sees `shown`.
    pub(super) async fn send(
        &self,
        builder: RequestBuilder,
        shown: Option<&Shown>,
    ) -> reqwest::Result<Response> {
        let (Some(observer), Some(shown)) = (&self.observer, shown) else { return builder.send().await };
        observer(&Observed::Sent(shown.clone()));
        let sent_at = Instant::now();
        let answer = builder.send().await;
        let after_ms = u64::try_from(sent_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        observer(&match &answer {
            Ok(response) => Observed::Answered { status: response.status().as_u16(), after_ms },
            Err(_) => Observed::Unanswered { after_ms },
        });
        answer
    }
}

fn shown_body(body: &Body) -> Value {
    match body {
        Body::Bytes(bytes) if bytes.is_empty() => Value::Null,
        Body::Bytes(bytes) => match serde_json::from_slice(bytes) {
            Ok(value) => shortened(value, &BTreeMap::new()),
            Err(_) => json!(format!("({} bytes)", bytes.len())),
        },
        Body::JsonWithFiles { value, files } => shortened(value.clone(), files),
        Body::Multipart(fields) => fields.iter().map(shown_field).collect(),
    }
}

fn shown_field(field: &Field) -> Value {
    match field {
        Field::Text { name, value } => json!({ name: shortened_text(value) }),
        Field::File { name, file } => json!({ name: shown_file(file) }),
    }
}

fn shown_file(file: &InputFile) -> String {
    format!("({}, {}, {} bytes)", file.file_name, file.content_type, file.bytes)
}

fn shortened(value: Value, files: &BTreeMap<String, InputFile>) -> Value {
    match value {
        Value::String(text) => json!(shortened_text(&text)),
        Value::Array(items) => items.into_iter().map(|item| shortened(item, files)).collect(),
        Value::Object(object) => match file_of(&object, files) {
            Some(file) => json!(shown_file(file)),
            None => object.into_iter().map(|(name, item)| (name, shortened(item, files))).collect(),
        },
        other => other,
    }
}

/// The file that an object stands for.
fn file_of<'a>(object: &Map<String, Value>, files: &'a BTreeMap<String, InputFile>) -> Option<&'a InputFile> {
    let name = object.get(DATA_URL_MARK).or_else(|| object.get(BASE64_MARK))?;
    files.get(name.as_str()?)
}

fn shortened_text(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}
