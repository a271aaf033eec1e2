//! A reply before it is sent: whole, or in frames.

use crate::media::Media;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use serde_json::Value;

/// What a vendor answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Payload,
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Sent at once, with its length.
    Whole(Bytes),
    /// The same, when the body is no text but the result itself.
    Media(Bytes),
    /// Sent frame by frame.
    Stream(Frames),
}

/// The frames of a stream, parted so that a fault can strike in its middle.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// What comes before the first words.
    pub(crate) opening: Vec<Bytes>,
    /// The words.
    pub(crate) deltas: Vec<Bytes>,
    /// What comes after the last words.
    pub(crate) closing: Vec<Bytes>,
}

impl Frames {
    /// The same stream when an error ends it half way.
    pub(crate) fn broken_by(mut self, error: Bytes) -> Self {
        self.deltas.truncate(self.deltas.len().div_ceil(2));
        self.closing = vec![error];
        self
    }
}

impl Reply {
    /// A JSON body.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", Payload::Whole(Bytes::from(body.to_string())))
    }

    /// Media as a body.
    pub(crate) fn media(media: Media) -> Self {
        Self::new(StatusCode::OK, media.content_type, Payload::Media(media.bytes))
    }

    /// A body of plain text.
    pub(crate) fn text(text: String) -> Self {
        Self::new(StatusCode::OK, "text/plain; charset=utf-8", Payload::Whole(Bytes::from(text)))
    }

    /// Nothing but a status.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Payload::Whole(Bytes::new()) }
    }

    /// A stream of server-sent events.
    pub(crate) fn events(frames: Frames) -> Self {
        let mut reply =
            Self::new(StatusCode::OK, "text/event-stream; charset=utf-8", Payload::Stream(frames));
        reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        reply
    }

    fn new(status: StatusCode, content_type: &'static str, body: Payload) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body }
    }

    /// With fixed headers added.
    pub(crate) fn with_headers(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        for (name, value) in headers {
            self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        self
    }

    /// With the header that names the request.
    pub(crate) fn with_request_id(mut self, name: &'static str, id: &str) -> Self {
        if let Ok(id) = HeaderValue::from_str(id) {
            self.headers.insert(HeaderName::from_static(name), id);
        }
        self
    }

    /// With another status: an error that claims to be a success.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

/// A frame of data alone.
pub(crate) fn data(json: &Value) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}

/// A frame whose event has the name of its data's `type`.
pub(crate) fn event(json: &Value) -> Bytes {
    let kind = json.get("type").and_then(Value::as_str).unwrap_or_default();
    Bytes::from(format!("event: {kind}\ndata: {json}\n\n"))
}

/// The frame that ends a stream of chat chunks.
pub(crate) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");
