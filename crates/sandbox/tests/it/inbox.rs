//! Somebody who is told things: a server that keeps what is posted to it.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::TcpListener;

/// What was posted.
#[derive(Clone, Debug)]
pub struct Note {
    pub headers: HeaderMap,
    pub json: Value,
}

/// What is answered to a note; `None` is 200 with nothing.
pub type Replies = fn(&Value) -> Option<Value>;

#[derive(Clone)]
pub struct Inbox {
    pub url: String,
    notes: Arc<Mutex<Vec<Note>>>,
    refusals: Arc<AtomicUsize>,
    replies: Replies,
}

impl Inbox {
    pub async fn open() -> Self {
        Self::replying(|_| None).await
    }

    pub async fn replying(replies: Replies) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let inbox = Self { url, notes: Arc::default(), refusals: Arc::default(), replies };
        let router = Router::new().route("/hook", post(receive)).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        inbox
    }

    /// Has the next `count` notes answered with 500.
    pub fn refuse(&self, count: usize) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    /// What has come since this was last asked.
    pub fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> Response {
    let json = serde_json::from_slice(&body).unwrap();
    let reply = (inbox.replies)(&json);
    inbox.notes.lock().unwrap().push(Note { headers, json });
    if inbox.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    reply.map_or_else(|| StatusCode::OK.into_response(), |reply| Json(reply).into_response())
}
