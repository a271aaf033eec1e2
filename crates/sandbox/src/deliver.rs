//! Sending a reply, and breaking it on the way.

use crate::{
    fault::{Fault, Injection},
    reply::{Frames, Payload, Reply},
    service::Service,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::{future::Future, io, pin::Pin};

/// How a body ends.
enum End {
    /// As it should.
    Clean,
    /// The connection closes.
    Cut,
    /// Nothing more comes until the client goes away or the sandbox stops; then the connection closes.
    Hang(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// What comes in place of a result.
pub(crate) const HTML: &str =
    "<!DOCTYPE html><html><head><title>Sandbox</title></head><body>Not a result.</body></html>";

/// Bytes of a body without end, at most: more than anybody should read, and not enough to fill a disk.
const ENDLESS_BYTES: usize = 300 * 1024 * 1024;

/// What a body without end goes on with. It is text, hexadecimal and base64 alike.
static FILLER: [u8; 64 * 1024] = [b'A'; 64 * 1024];

/// Turns a reply into a response, late or broken when asked.
pub(crate) async fn deliver(service: &Service, reply: Reply, injection: Injection) -> Response {
    if let Some(delay) = injection.delay {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = service.stopped() => {}
        }
    }
    let Reply { status, mut headers, body } = reply;
    let body = match (body, injection.fault) {
        (_, Some(Fault::WrongType)) => return Html(HTML).into_response(),
        (Payload::Whole(bytes) | Payload::Media(bytes), Some(Fault::Oversized)) => endless(bytes),
        (Payload::Whole(_) | Payload::Media(_), Some(Fault::Hang)) => {
            service.stopped().await;
            // Nobody waits for this any more; it only lets the connection go.
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        (Payload::Whole(bytes), Some(Fault::Malformed)) => Body::from(first_half(&bytes)),
        (Payload::Media(bytes), Some(Fault::Malformed)) => Body::from(scrambled(&bytes)),
        (Payload::Whole(bytes) | Payload::Media(bytes), Some(Fault::Cut)) => cut_body(&mut headers, &bytes),
        (Payload::Whole(bytes) | Payload::Media(bytes), _) => Body::from(bytes),
        (Payload::Stream(frames), fault) => stream_body(frames, fault, service),
    };
    (status, headers, body).into_response()
}

/// A body that promises more bytes than come.
fn cut_body(headers: &mut HeaderMap, bytes: &Bytes) -> Body {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    body(vec![first_half(bytes)], End::Cut)
}

fn stream_body(frames: Frames, fault: Option<Fault>, service: &Service) -> Body {
    let Frames { opening: mut sent, mut deltas, closing } = frames;
    let half = deltas.len().div_ceil(2);
    let end = match fault {
        Some(Fault::Cut) => {
            sent.extend(deltas.drain(..half));
            return body(sent, End::Cut);
        }
        Some(Fault::Hang) => {
            sent.extend(deltas.into_iter().next());
            return body(sent, End::Hang(Box::pin(service.stopped())));
        }
        Some(Fault::Malformed) => {
            if let Some(delta) = half.checked_sub(1).and_then(|index| deltas.get_mut(index)) {
                *delta = garbled(delta);
            }
            End::Clean
        }
        _ => End::Clean,
    };
    sent.extend(deltas);
    sent.extend(closing);
    body(sent, end)
}

/// A body of these frames, each a write of its own: hyper flushes when a body has nothing ready.
fn body(frames: Vec<Bytes>, end: End) -> Body {
    let frames = stream::iter(frames).enumerate().then(|(index, frame)| async move {
        if index > 0 {
            tokio::task::yield_now().await;
        }
        Ok(frame)
    });
    let end = stream::once(async move {
        // What was written before must be on its way when the connection closes.
        tokio::task::yield_now().await;
        match end {
            End::Clean => None,
            End::Cut => Some(Err(io::Error::other("cut on demand"))),
            End::Hang(stopped) => {
                stopped.await;
                Some(Err(io::Error::other("the sandbox stops")))
            }
        }
    });
    Body::from_stream(frames.chain(end.filter_map(std::future::ready)))
}

/// A body that begins as it should, says no length, and goes on for 300 MiB.
pub(crate) fn endless(bytes: Bytes) -> Body {
    let filler = stream::repeat(Bytes::from_static(&FILLER)).take(ENDLESS_BYTES / FILLER.len());
    let start = stream::once(async move { first_half(&bytes) });
    Body::from_stream(start.chain(filler).map(Ok::<_, io::Error>))
}

/// Bytes that are no media of any kind.
fn scrambled(bytes: &Bytes) -> Bytes {
    bytes.iter().map(|byte| byte ^ 0x55).collect()
}

fn first_half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

/// A frame without the brace that closes its JSON.
fn garbled(frame: &Bytes) -> Bytes {
    let end = frame.iter().rposition(|byte| *byte == b'}').unwrap_or(frame.len());
    Bytes::from([frame.slice(..end).as_ref(), b"\n\n"].concat())
}
