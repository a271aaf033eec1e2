//! Telling the shop what has happened: one after the other, and again when it was not taken.

use crate::{
    journal::{Change, Past},
    payment::mischief::PaymentFault,
    service::Service,
};
use axum::http::StatusCode;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Notifications under way, and again as many held back, at most. What is more is lost.
const CAPACITY: usize = 10_000;

/// How long to wait before each repeat. The services go on for a day; here somebody may be waiting.
const PAUSES_MS: [u64; 4] = [100, 300, 1_000, 3_000];

/// The kinds under which the journal has where to tell, and what is still to be told.
const TARGET: &str = "target";
const MESSAGE: &str = "message";

/// Bytes of an answer that are read, at most.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How a service tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Whether an answer of that status means that it was taken.
    pub(crate) is_taken: fn(StatusCode) -> bool,
    /// The header that bears the secret, where there is one, and what a forger puts into it.
    pub(crate) proof: Option<(&'static str, &'static str)>,
}

/// Where notifications go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Empty for nowhere.
    pub(crate) url: String,
    /// The secret that proves where they come from, where the service has one.
    pub(crate) secret: Option<String>,
}

/// A notification with its address.
#[derive(Clone, Debug)]
struct Message {
    /// Names it in the journal; 0 for one that does not stand there.
    id: u64,
    target: Target,
    body: Bytes,
    /// Whether it is sent again when it was not taken. A forger is content with one try.
    is_repeated: bool,
}

/// What is held back.
#[derive(Debug, Default)]
struct Held {
    /// The last id that was given.
    last_id: u64,
    /// Ids and bodies of all that is not written down yet.
    unwritten: Vec<(u64, Bytes)>,
    /// Until what it tells of is written down.
    ready: Vec<Message>,
    /// Until the next tick.
    late: Vec<Message>,
    /// Until the next notification.
    overtaken: Vec<Message>,
}

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    given_up: AtomicU64,
    lost: AtomicU64,
}

/// The notifications of one service.
#[derive(Debug)]
pub(crate) struct Outbox {
    courier: Arc<Courier>,
    target: Mutex<Option<Target>>,
    held: Mutex<Held>,
    queue: mpsc::Sender<Message>,
    under_way: Arc<watch::Sender<usize>>,
}

impl Outbox {
    /// Sends until the sandbox stops, first of all what an earlier one has not. Notifications go to `target` unless the
    /// earlier one was told otherwise. Must be called within a tokio runtime.
    pub(crate) fn start(
        service: Arc<Service>,
        manner: Manner,
        target: Option<Target>,
        past: &mut Past,
    ) -> Self {
        let outbox = Self::open(service, manner);
        outbox.set_target(past.take_one(TARGET).or(target));
        for (id, body) in past.take::<String>(MESSAGE) {
            outbox.send_again(id.parse().unwrap_or_default(), body);
        }
        outbox
    }

    fn open(service: Arc<Service>, manner: Manner) -> Self {
        let (queue, mut waiting) = mpsc::channel(CAPACITY);
        let under_way = Arc::new(watch::Sender::new(0_usize));
        let courier = Arc::new(Courier { service, manner, counts: Counts::default() });
        let (carrying, arriving) = (Arc::clone(&courier), Arc::clone(&under_way));
        let stopped = courier.service.stopped();
        let carry = async move {
            while let Some(message) = waiting.recv().await {
                // What became of it is counted; there is nobody here to tell.
                let _ = carrying.carry(&message).await;
                carrying.forget(message.id);
                arriving.send_modify(|count| *count = count.saturating_sub(1));
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = carry => {}
                () = stopped => {}
            }
        });
        Self { courier, target: Mutex::default(), held: Mutex::default(), queue, under_way }
    }

    /// Sets where notifications go from now on; `None` sends none.
    pub(crate) fn set_target(&self, target: Option<Target>) {
        *lock(&self.target) = target.filter(|target| !target.url.is_empty());
    }

    /// The same, and so it is when the sandbox is started again.
    pub(crate) fn keep_target(&self, target: Target) {
        self.courier.service.journal.write(|change| change.put(TARGET, "", &target));
        self.set_target(Some(target));
    }

    /// Where they go.
    pub(crate) fn target(&self) -> Option<Target> {
        lock(&self.target).clone()
    }

    /// Sends `body` with the next [`Self::release`], after what was sent before, unless `fault` has it otherwise. `forged`
    /// is what somebody else would have it say.
    pub(crate) fn send(&self, body: &Value, fault: Option<PaymentFault>, forged: impl FnOnce() -> Value) {
        let Some(target) = self.target() else { return };
        if fault == Some(PaymentFault::NotifyLost) {
            return self.count_lost();
        }
        // Held to the end, so that two senders do not part what belongs together.
        let mut held = lock(&self.held);
        let Held { last_id, unwritten, ready, late, overtaken } = &mut *held;
        *last_id = last_id.saturating_add(1);
        let body = Bytes::from(body.to_string());
        let message = Message { id: *last_id, target, body: body.clone(), is_repeated: true };
        unwritten.push((*last_id, body));
        match fault {
            Some(PaymentFault::NotifyLate) => return self.hold(late, message),
            Some(PaymentFault::NotifyReordered) => return self.hold(overtaken, message),
            Some(PaymentFault::NotifyForged) => ready.push(self.forged(&message, &forged())),
            Some(PaymentFault::NotifyDuplicate) => ready.push(message.clone()),
            _ => {}
        }
        ready.push(message);
        ready.append(overtaken);
    }

    /// Writes down what `note` tells, with what was sent of it, and only then lets that go: nobody is told what a kill could
    /// still undo.
    pub(crate) fn release(&self, note: impl FnOnce(&mut Change)) {
        let mut held = lock(&self.held);
        self.courier.service.journal.write(|change| {
            note(change);
            for (id, body) in held.unwritten.drain(..) {
                change.put(MESSAGE, &id.to_string(), &String::from_utf8_lossy(&body));
            }
        });
        for message in held.ready.drain(..) {
            self.push(message);
        }
    }

    /// Sends what an earlier sandbox has not, to where notifications go now.
    fn send_again(&self, id: u64, body: String) {
        let mut held = lock(&self.held);
        held.last_id = held.last_id.max(id);
        match self.target() {
            Some(target) => {
                self.push(Message { id, target, body: Bytes::from(body), is_repeated: true });
            }
            None => self.courier.forget(id),
        }
    }

    /// Sends `body` at once, past all that waits, and gives the answer; `None` when it was not taken.
    pub(crate) fn ask(&self, body: &Value) -> impl Future<Output = Option<Bytes>> + use<> {
        let (courier, target) = (Arc::clone(&self.courier), self.target());
        let body = Bytes::from(body.to_string());
        async move { courier.carry(&Message { id: 0, target: target?, body, is_repeated: true }).await }
    }

    /// Lets go of what is held back, with the next [`Self::release`].
    pub(crate) fn tick(&self) {
        let mut held = lock(&self.held);
        let Held { ready, late, overtaken, .. } = &mut *held;
        ready.append(late);
        ready.append(overtaken);
    }

    /// Waits until nothing is under way any more. What is held back does not count.
    pub(crate) async fn delivered(&self) {
        // An error says that the outbox is gone, and with it all that was under way.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Counts, for people to look at.
    pub(crate) fn shown(&self) -> Value {
        let held = lock(&self.held);
        let counts = &self.courier.counts;
        json!({
            "under_way": *self.under_way.borrow(),
            "held_back": held.late.len().saturating_add(held.overtaken.len()),
            "delivered": counts.delivered.load(Ordering::Relaxed),
            "given_up": counts.given_up.load(Ordering::Relaxed),
            "lost": counts.lost.load(Ordering::Relaxed),
        })
    }

    fn forged(&self, genuine: &Message, body: &Value) -> Message {
        let secret = self.courier.manner.proof.map(|(_, forged)| forged.to_owned());
        let target = Target { url: genuine.target.url.clone(), secret };
        Message { id: 0, target, body: Bytes::from(body.to_string()), is_repeated: false }
    }

    fn push(&self, message: Message) {
        let id = message.id;
        self.under_way.send_modify(|count| *count = count.saturating_add(1));
        if self.queue.try_send(message).is_err() {
            self.under_way.send_modify(|count| *count = count.saturating_sub(1));
            self.courier.forget(id);
            self.count_lost();
        }
    }

    fn hold(&self, held: &mut Vec<Message>, message: Message) {
        if held.len() < CAPACITY { held.push(message) } else { self.count_lost() }
    }

    fn count_lost(&self) {
        self.courier.counts.lost.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(service = self.courier.service.name, "notification lost");
    }
}

/// Carries one notification at a time.
#[derive(Debug)]
struct Courier {
    service: Arc<Service>,
    manner: Manner,
    counts: Counts,
}

impl Courier {
    /// Posts until it is taken or there is no repeat left, and gives the answer to the one that was taken.
    async fn carry(&self, message: &Message) -> Option<Bytes> {
        let mut pauses_ms = PAUSES_MS.iter();
        loop {
            if let Some(answer) = self.post(message).await {
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                return Some(answer);
            }
            let Some(pause_ms) = pauses_ms.next().filter(|_| message.is_repeated) else { break };
            tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
        }
        self.counts.given_up.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(service = self.service.name, url = message.target.url, "notification not taken");
        None
    }

    /// Does not send a message again after the next start.
    fn forget(&self, id: u64) {
        if id > 0 {
            self.service.journal.write(|change| change.remove(MESSAGE, &id.to_string()));
        }
    }

    async fn post(&self, message: &Message) -> Option<Bytes> {
        let json = HeaderValue::from_static("application/json");
        let mut request = self.service.http.post(&message.target.url).header(CONTENT_TYPE, json);
        if let (Some((header, _)), Some(secret)) = (self.manner.proof, &message.target.secret) {
            request = request.header(header, secret);
        }
        let mut response = request.body(message.body.clone()).send().await.ok()?;
        if !(self.manner.is_taken)(response.status()) {
            return None;
        }
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MAX_ANSWER_BYTES {
                return Some(Bytes::new());
            }
        }
        Some(Bytes::from(answer))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
