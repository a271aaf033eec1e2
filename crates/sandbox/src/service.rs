//! What is remembered of one vendor between requests: a count, the faults that were asked for, jobs, and uploads.

use crate::{
    callback::Callback,
    fault::{Fault, Injection, Scope},
    folder::{self, Folder},
    job::Job,
    journal::{Journal, Past},
    media::Recipe,
    results,
    store::Store,
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Under which kind the journal says which numbers are given.
const REQUESTS: &str = "requests";

/// Requests for whose numbers a line of the journal is good.
const BLOCK: u64 = 1_000;

/// How a vendor tells of a job; `None` when nobody wants to know.
pub(crate) type Tells = fn(&Arc<Service>, &Job) -> Option<Callback>;

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
    /// What of this stays when the sandbox ends.
    pub(crate) journal: Arc<Journal>,
    /// For callbacks.
    pub(crate) http: reqwest::Client,
    /// `http://` and the address of the sandbox.
    origin: String,
    requests: Mutex<Requests>,
    queue: Mutex<Queue>,
    stopped: watch::Receiver<()>,
}

/// What all services stand on.
#[derive(Debug)]
pub(crate) struct Ground {
    /// `http://` and the address of the sandbox.
    pub(crate) origin: String,
    /// For callbacks and notifications.
    pub(crate) http: reqwest::Client,
    /// Ends when its sender is dropped, and then nothing hangs any more.
    pub(crate) stopped: watch::Receiver<()>,
    /// Where things are kept.
    pub(crate) folder: Option<Folder>,
}

impl Ground {
    /// Opens a service, and gives what else stands in its journal.
    pub(crate) fn open(&self, name: &'static str) -> (Arc<Service>, Past) {
        let (journal, mut past) = folder::journal(self.folder.as_ref(), name, &self.origin);
        let journal = Arc::new(journal);
        let before = past.take_one(REQUESTS).unwrap_or_default();
        let service = Service {
            name,
            jobs: Store::open("job", &journal, &mut past),
            uploads: Store::open("upload", &journal, &mut past),
            journal,
            http: self.http.clone(),
            origin: self.origin.clone(),
            requests: Mutex::new(Requests { count: 0, before, reserved: before }),
            queue: Mutex::default(),
            stopped: self.stopped.clone(),
        };
        (Arc::new(service), past)
    }
}

/// Numbers of requests, from which ids follow.
#[derive(Clone, Copy, Debug)]
struct Requests {
    /// Requests so far.
    count: u64,
    /// The last number that an earlier sandbox may have given.
    before: u64,
    /// The last number that may be given before more are reserved.
    reserved: u64,
}

impl Service {
    /// A path of the sandbox as a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Where a result can be fetched, or cannot when `fault` says so.
    pub(crate) fn result_url(&self, recipe: &Recipe, fault: Option<Fault>) -> String {
        self.url(&results::path(self.name, recipe, fault))
    }

    /// Takes on a job, and has `tells` tell of it.
    pub(crate) fn begin(self: &Arc<Self>, job: Job, tells: Tells) {
        self.jobs.insert(job.id.clone(), job.clone());
        self.follow(&job, tells);
    }

    /// Goes on telling of the jobs of an earlier sandbox.
    pub(crate) fn resume(self: &Arc<Self>, tells: Tells) {
        for job in self.jobs.all().iter().filter(|job| !job.stage().is_end()) {
            self.follow(job, tells);
        }
    }

    fn follow(self: &Arc<Self>, job: &Job, tells: Tells) {
        if let Some(callback) = tells(self, job) {
            callback.follow(self, job.id.clone());
        }
    }

    /// Counts a request and gives its number, from 1, which is above those that earlier sandboxes gave.
    pub(crate) fn count_request(&self) -> u64 {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.count = requests.count.saturating_add(1);
        let number = requests.before.saturating_add(requests.count);
        if number > requests.reserved {
            requests.reserved = number.saturating_add(BLOCK);
            self.journal.write(|change| change.put(REQUESTS, "", &requests.reserved));
        }
        number
    }

    /// Requests so far, to this sandbox.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).count
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

/// One time less of what is pending.
pub(crate) fn take<T: Copy>(slot: &mut Option<Pending<T>>) -> Option<T> {
    let Pending { what, times } = (*slot)?;
    *slot = (times > 1).then(|| Pending { what, times: times.saturating_sub(1) });
    Some(what)
}
