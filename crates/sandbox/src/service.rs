//! What is remembered of one vendor between requests: a count, the faults that were asked for, jobs, and uploads.

use crate::{
    fault::{Fault, Injection, Scope},
    job::Job,
    media::Recipe,
    results,
    store::Store,
};
use serde_json::Value;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Something that happens to the next few requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending<T> {
    pub(crate) what: T,
    /// Requests still to come, at least 1.
    pub(crate) times: u32,
}

/// What happens to the next requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Queue {
    pub(crate) fault: Option<Pending<Fault>>,
    pub(crate) delay: Option<Pending<Duration>>,
}

/// One vendor's side of the sandbox.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// Jobs by their vendor's id.
    pub(crate) jobs: Store<Job>,
    /// What the vendor tells of files that were uploaded to it, by id.
    pub(crate) uploads: Store<Value>,
    /// For callbacks.
    pub(crate) http: reqwest::Client,
    /// `http://` and the address of the sandbox.
    origin: String,
    requests: AtomicU64,
    queue: Mutex<Queue>,
    stopped: watch::Receiver<()>,
}

impl Service {
    /// `stopped` ends when its sender is dropped, and then nothing hangs any more.
    pub(crate) fn new(
        name: &'static str,
        origin: String,
        http: reqwest::Client,
        stopped: watch::Receiver<()>,
    ) -> Self {
        Self {
            name,
            jobs: Store::default(),
            uploads: Store::default(),
            http,
            origin,
            requests: AtomicU64::new(0),
            queue: Mutex::default(),
            stopped,
        }
    }

    /// A path of the sandbox as a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Where a result can be fetched, or cannot when `fault` says so.
    pub(crate) fn result_url(&self, recipe: &Recipe, fault: Option<Fault>) -> String {
        self.url(&results::path(self.name, recipe, fault))
    }

    /// Counts a request and says which one it is, from 1.
    pub(crate) fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Reads or changes what happens to the next requests.
    pub(crate) fn queue<T>(&self, with: impl FnOnce(&mut Queue) -> T) -> T {
        with(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is done to a request with this prompt. Its own words win; what was asked for then waits for the next one,
    /// as does a fault that cannot happen to a request of this scope.
    pub(crate) fn take_injection(&self, prompt: &str, scope: Scope) -> Injection {
        let words = Injection::in_words(prompt);
        let strikes = |pending: &Pending<Fault>| pending.what.strikes(scope);
        self.queue(|queue| Injection {
            fault: words.fault.filter(|fault| fault.strikes(scope)).or_else(|| {
                if queue.fault.as_ref().is_some_and(strikes) { take(&mut queue.fault) } else { None }
            }),
            delay: words.delay.or_else(|| take(&mut queue.delay)),
        })
    }

    /// Ends when the sandbox stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stopped.clone();
        async move { while stopped.changed().await.is_ok() {} }
    }
}

fn take<T: Copy>(slot: &mut Option<Pending<T>>) -> Option<T> {
    let Pending { what, times } = (*slot)?;
    *slot = (times > 1).then(|| Pending { what, times: times.saturating_sub(1) });
    Some(what)
}
