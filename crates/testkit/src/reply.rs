//! What comes back over HTTP.

use reqwest::{Response, header::HeaderMap};
use serde_json::Value;
use std::fmt;

/// Characters of a body that a failed test shows.
const SHOWN_CHARS: usize = 2_000;

/// A response, read to its end.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text, whatever it is.
    pub body: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.chars().take(SHOWN_CHARS).collect();
        let mut shown = f.debug_struct("Reply");
        shown.field("status", &self.status).field("headers", &self.headers).field("body", &body).finish()
    }
}

impl Reply {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("the body is whole").to_vec();
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as JSON, if the status is as expected.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of visible characters"))
    }

    /// The data of each server-sent event; `[DONE]` comes as a JSON string.
    pub fn events(&self) -> Vec<Value> {
        self.body.lines().filter_map(data).collect()
    }
}

/// Server-sent events as they come.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: String,
}

impl EventStream {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200, "{response:?}");
        let content_type = response.headers().get("content-type");
        assert_eq!(content_type.and_then(|value| value.to_str().ok()), Some("text/event-stream"));
        Self { response, unread: String::new() }
    }

    /// The data of the next event, `[DONE]` as a JSON string; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((line, rest)) = self.unread.split_once('\n') {
                let (event, rest) = (data(line), rest.to_owned());
                self.unread = rest;
                if event.is_some() {
                    return event;
                }
            }
            let chunk = self.response.chunk().await.expect("the stream is not cut")?;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("events are ASCII in these tests"));
        }
    }
}

fn data(line: &str) -> Option<Value> {
    let data = line.strip_prefix("data: ")?;
    if data == "[DONE]" {
        return Some(Value::from(data));
    }
    Some(serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}")))
}
