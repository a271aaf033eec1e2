//! All vendors, played: each does what it is told beforehand, and remembers what it was asked.

use super::points::Points;
use domain::{
    catalog::Category,
    media::{Job, JobState, Made, MediaCall, Product, ProductFile},
    params::FieldError,
    port::{Answer, Call, Callback, FinishReason, Provider, ProviderError, ProviderErrorKind, Usage},
    time::Timestamp,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};
use storage::Moment;
use tokio::sync::{Notify, oneshot};

/// A picture of one pixel, as PNG.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00,
    0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0x00, 0x05,
    0x00, 0x01, 0xff, 0x89, 0x99, 0x3d, 0x1d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42,
    0x60, 0x82,
];

/// What a vendor does with what it is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// It answers at once; pictures are pictures.
    Answer,
    /// It fails.
    Fail(ProviderErrorKind),
    /// It says a part, and breaks off.
    Cut,
    /// It answers when it is told to; a job begins.
    Take,
}

/// How something ends that a vendor has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Answer,
    Fail,
}

/// A job as its vendor has it.
#[derive(Clone, Debug)]
struct VendorJob {
    is_picture: bool,
    end: Option<End>,
    is_canceled: bool,
}

struct State {
    script: Script,
    is_down: bool,
    /// How often each generation was asked for.
    asked: BTreeMap<i64, u32>,
    /// Those that were answered well, and those that failed here.
    answered: BTreeSet<i64>,
    failed: BTreeSet<i64>,
    waiting: BTreeMap<i64, oneshot::Sender<End>>,
    /// By generation, which has one at most.
    jobs: BTreeMap<i64, VendorJob>,
}

/// All vendors.
pub struct Vendor {
    points: Arc<Points>,
    state: Mutex<State>,
    moved: Notify,
}

impl Vendor {
    pub fn new(points: Arc<Points>) -> Self {
        let state = State {
            script: Script::Answer,
            is_down: false,
            asked: BTreeMap::new(),
            answered: BTreeSet::new(),
            failed: BTreeSet::new(),
            waiting: BTreeMap::new(),
            jobs: BTreeMap::new(),
        };
        Self { points, state: Mutex::new(state), moved: Notify::new() }
    }

    /// Says what becomes of the next call.
    pub fn play(&self, script: Script) {
        self.state().script = script;
    }

    /// Whether polls come to nothing.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    pub fn is_down(&self) -> bool {
        self.state().is_down
    }

    /// Waits until a call has come that is not answered yet.
    pub async fn has_taken(&self, generation_id: i64) {
        loop {
            let moved = self.moved.notified();
            if self.state().waiting.contains_key(&generation_id) {
                return;
            }
            moved.await;
        }
    }

    /// Ends a call that was taken.
    pub fn answer(&self, generation_id: i64, end: End) {
        if let Some(waiting) = self.state().waiting.remove(&generation_id) {
            // The process that asked may be gone.
            let _ = waiting.send(end);
        }
    }

    /// Ends the job of a generation at its vendor.
    pub fn end_job(&self, generation_id: i64, end: End) {
        if let Some(job) = self.state().jobs.get_mut(&generation_id) {
            job.end = job.end.or(Some(end));
        }
    }

    /// How the job of a generation stands at its vendor; `None` when there is none.
    pub fn job(&self, generation_id: i64) -> Option<Option<End>> {
        self.state().jobs.get(&generation_id).map(|job| job.end)
    }

    /// Whether its vendor was asked to stop the job of a generation.
    pub fn is_canceled(&self, generation_id: i64) -> bool {
        self.state().jobs.get(&generation_id).is_some_and(|job| job.is_canceled)
    }

    /// How often a generation was asked for.
    pub fn asked(&self, generation_id: i64) -> u32 {
        self.state().asked.get(&generation_id).copied().unwrap_or_default()
    }

    /// Whether a generation was answered well.
    pub fn has_answered(&self, generation_id: i64) -> bool {
        self.state().answered.contains(&generation_id)
    }

    /// Whether a generation has failed here.
    pub fn has_failed(&self, generation_id: i64) -> bool {
        self.state().failed.contains(&generation_id)
    }

    /// The process that asked is gone: nobody waits any more.
    pub fn forget_waiting(&self) {
        self.state().waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Enters a call, and says how it ends: now, or when it is told to.
    fn take(&self, generation_id: i64) -> Result<Result<End, ProviderErrorKind>, oneshot::Receiver<End>> {
        let mut state = self.state();
        *state.asked.entry(generation_id).or_default() += 1;
        match state.script {
            Script::Answer => Ok(Ok(End::Answer)),
            Script::Fail(kind) => Ok(Err(kind)),
            Script::Cut => Ok(Err(ProviderErrorKind::StreamCut)),
            Script::Take => {
                let (sender, receiver) = oneshot::channel();
                state.waiting.insert(generation_id, sender);
                Err(receiver)
            }
        }
    }

    fn enter_end(&self, generation_id: i64, is_good: bool) {
        let mut state = self.state();
        if is_good {
            state.answered.insert(generation_id)
        } else {
            state.failed.insert(generation_id)
        };
    }
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "as it was told to")
}

fn product(is_picture: bool) -> Product {
    if is_picture {
        Product { files: vec![ProductFile::Bytes(PIXEL.to_vec())], ..Product::default() }
    } else {
        Product { text: Some("done".to_owned()), ..Product::default() }
    }
}

fn running(generation_id: i64) -> Made {
    Made::Job(Job { state: JobState(json!(generation_id)), poll_after_ms: 2_000, progress: Some(10) })
}

#[async_trait::async_trait]
impl Provider for Vendor {
    fn serves(&self, _: &str, _: Category) -> bool {
        true
    }

    fn is_configured(&self, _: &str) -> bool {
        true
    }

    fn ready(&self, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    fn takes_callbacks(&self, _: &str) -> bool {
        false
    }

    fn is_genuine(&self, _: &str, _: &Callback, _: Timestamp) -> bool {
        false
    }

    fn check(&self, _: &MediaCall) -> Result<(), Vec<FieldError>> {
        Ok(())
    }

    fn check_chat(&self, _: &Call) -> Result<(), Vec<FieldError>> {
        Ok(())
    }

    fn wants_url(&self, _: &MediaCall, _: &str) -> bool {
        false
    }

    fn is_private(&self, _: &str) -> bool {
        true
    }

    async fn call(
        &self,
        call: &Call,
        on_delta: &mut (dyn for<'a> FnMut(&'a str) + Send),
    ) -> Result<Answer, ProviderError> {
        self.points.reach("vendor.call", Moment::Before).await;
        let id = call.generation_id.0;
        if call.stream {
            on_delta("one ");
        }
        let taken = self.take(id);
        let end = match taken {
            Ok(end) => end,
            Err(told) => {
                self.moved.notify_waiters();
                match told.await {
                    Ok(End::Answer) => Ok(End::Answer),
                    Ok(End::Fail) | Err(_) => Err(ProviderErrorKind::Timeout),
                }
            }
        };
        self.enter_end(id, end.is_ok());
        self.points.reach("vendor.call", Moment::After).await;
        end.map_err(error)?;
        if call.stream {
            on_delta("two");
        }
        Ok(Answer {
            text: "one two".to_owned(),
            tool_calls: Vec::new(),
            // It never moves a price.
            usage: Some(Usage { input_tokens: 900_000, cached_input_tokens: 0, output_tokens: 900_000 }),
            upstream_model: None,
            finish_reason: FinishReason::Stop,
        })
    }

    async fn make(&self, call: &MediaCall) -> Result<Made, ProviderError> {
        self.points.reach("vendor.make", Moment::Before).await;
        let id = call.generation_id.0;
        let is_picture = call.category == Category::Image;
        let made = {
            let mut state = self.state();
            *state.asked.entry(id).or_default() += 1;
            match state.script {
                Script::Answer => Ok(Made::Done(product(is_picture))),
                Script::Fail(kind) => Err(error(kind)),
                Script::Cut => Err(error(ProviderErrorKind::Overloaded)),
                Script::Take => {
                    state.jobs.insert(id, VendorJob { is_picture, end: None, is_canceled: false });
                    Ok(running(id))
                }
            }
        };
        if !matches!(made, Ok(Made::Job(_))) {
            self.enter_end(id, made.is_ok());
        }
        self.points.reach("vendor.make", Moment::After).await;
        made
    }

    async fn poll(&self, _: &MediaCall, state: &JobState) -> Result<Made, ProviderError> {
        self.points.reach("vendor.poll", Moment::Before).await;
        let id = state.0.as_i64().unwrap();
        let (found, is_down) = {
            let state = self.state();
            (state.jobs[&id].clone(), state.is_down)
        };
        let made = match found.end {
            _ if is_down => Err(error(ProviderErrorKind::Overloaded)),
            _ if found.is_canceled => Err(error(ProviderErrorKind::JobFailed)),
            None => Ok(running(id)),
            Some(End::Answer) => Ok(Made::Done(product(found.is_picture))),
            Some(End::Fail) => Err(error(ProviderErrorKind::JobFailed)),
        };
        match &made {
            Ok(Made::Done(_)) => self.enter_end(id, true),
            Err(_) if !is_down => self.enter_end(id, false),
            _ => {}
        }
        self.points.reach("vendor.poll", Moment::After).await;
        made
    }

    async fn cancel(&self, _: &MediaCall, state: &JobState) -> Result<bool, ProviderError> {
        self.points.reach("vendor.cancel", Moment::Before).await;
        let id = state.0.as_i64().unwrap();
        if let Some(job) = self.state().jobs.get_mut(&id) {
            job.is_canceled = true;
        }
        self.points.reach("vendor.cancel", Moment::After).await;
        Ok(true)
    }
}
