//! Bodies that nobody reads to their end. Their connection cannot be used again, and its client has to hear that: the next request
//! would be sent into a connection that is being closed, and be lost.

use axum::body::Body;
use hyper::{
    Request, Response,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{CONNECTION, HeaderValue},
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

/// A body, and whether it was read to its end.
struct Watched {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

/// What tells whether a body was read to its end.
pub(super) struct Reading(Arc<AtomicBool>);

/// The same request, whose body is watched.
pub(super) fn watch(request: Request<Incoming>) -> (Request<Body>, Reading) {
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let reading = Reading(Arc::clone(&is_read));
    (request.map(|body| Body::new(Watched { body, is_read })), reading)
}

impl Reading {
    /// Has an answer say that its connection ends with it, where something of the body is left.
    pub(super) fn tell(&self, mut response: Response<Body>) -> Response<Body> {
        if !self.0.load(Ordering::Relaxed) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
