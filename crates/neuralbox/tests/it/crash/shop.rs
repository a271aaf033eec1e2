//! Where the service is, and the accounts that use it.

use super::answer::{Heard, send};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long an answer is waited for by who has the time.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts at the same.
pub(super) const PAUSE: Duration = Duration::from_millis(150);

/// An account, and what it began with.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) key: String,
    /// NeuralBox tokens that it could spend before the first order.
    pub(super) granted_tokens: i64,
    /// Generations that its plan lets it begin in an hour, where that is limited.
    pub(super) hourly: Option<usize>,
}

/// The servers, any of which will do, and how far the run is.
#[derive(Clone)]
pub(super) struct Shop {
    pub(super) http: Client,
    urls: Arc<[String]>,
    turn: Arc<AtomicUsize>,
    phase: watch::Receiver<Phase>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Processes are killed.
    Trouble,
    /// Nothing fails any more: all must have ended by then.
    Calm { until: Instant },
}

impl Shop {
    pub(super) fn new(urls: Vec<String>, phase: watch::Receiver<Phase>) -> Self {
        Self { http: testkit::http_client(), urls: urls.into(), turn: Arc::default(), phase }
    }

    /// A request to a path under `/api/v2` of the server whose turn it is.
    pub(super) fn request(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/api/v2{path}", self.urls[turn % self.urls.len()]);
        self.http.request(method, url).bearer_auth(key).header("content-type", "application/json")
    }

    /// Reads what is at a path, again and again until it is said; `None` when that takes too long.
    pub(super) async fn read(&self, path: &str, key: &str) -> Option<Value> {
        self.insist(|| self.request(Method::GET, path, key)).await
    }

    /// Sends a request that may be repeated until it is answered well; `None` when that takes too long.
    pub(super) async fn insist(&self, request: impl Fn() -> RequestBuilder) -> Option<Value> {
        loop {
            if let Some(said) = send(request(), PATIENCE).await.json() {
                return Some(said);
            }
            if !self.goes_on() {
                return None;
            }
            testkit::pass(PAUSE).await;
        }
    }

    /// Whether there is a file at an address.
    pub(super) async fn has_file(&self, url: &str) -> bool {
        while self.goes_on() {
            if let Heard::Answer { status, .. } = self.ask(self.http.get(url)).await {
                return status == 200;
            }
            testkit::pass(PAUSE).await;
        }
        false
    }

    /// As [`send`], with all the patience that there is.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Heard {
        send(request, PATIENCE).await
    }

    /// Whether processes are still killed, and more is to be asked for.
    pub(super) fn is_in_trouble(&self) -> bool {
        *self.phase.borrow() == Phase::Trouble
    }

    /// Whether there is still time for an answer.
    pub(super) fn goes_on(&self) -> bool {
        match *self.phase.borrow() {
            Phase::Trouble => true,
            Phase::Calm { until } => Instant::now() < until,
        }
    }
}
