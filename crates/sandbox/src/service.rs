//! What is remembered of one vendor between requests: a count, and the faults that were asked for.

use crate::fault::{Fault, Injection};
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
    requests: AtomicU64,
    queue: Mutex<Queue>,
    stopped: watch::Receiver<()>,
}

impl Service {
    /// `stopped` ends when its sender is dropped, and then nothing hangs any more.
    pub(crate) fn new(name: &'static str, stopped: watch::Receiver<()>) -> Self {
        Self { name, requests: AtomicU64::new(0), queue: Mutex::default(), stopped }
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

    /// What is done to a request with this prompt. Its own words win; what was asked for then waits for the next one.
    pub(crate) fn take_injection(&self, prompt: &str) -> Injection {
        let words = Injection::in_words(prompt);
        self.queue(|queue| Injection {
            fault: words.fault.or_else(|| take(&mut queue.fault)),
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
