//! Listening to a generation.

use super::in_flight::TakeBack;
use crate::{Error, FailedGeneration, GenerationView, Replay, room::Place};
use domain::{id::GenerationId, ledger::RateState, time::Timestamp};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A generation that completed. By the time anybody sees this, its charge is on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its id.
    pub id: GenerationId,
    /// The model.
    pub model_slug: String,
    /// Its answer, where it is text.
    pub text: Option<Arc<str>>,
    /// The name of its answer, when it is a file.
    pub result_file: Option<String>,
    /// Where its answer is, when it is a file.
    pub result_url: Option<String>,
    /// Where a small picture of it is.
    pub thumbnail_url: Option<String>,
    /// About the answer, a JSON object: usage, the model that answered, and so on.
    pub metadata: String,
    /// NeuralBox tokens charged.
    pub tokens_spent: i64,
    /// NeuralBox tokens that the account could spend when it was settled.
    pub balance_tokens: i64,
    /// When its hold was taken.
    pub created_at: Timestamp,
    /// When it was settled.
    pub completed_at: Timestamp,
}

impl From<GenerationView> for Finished {
    fn from(view: GenerationView) -> Self {
        let GenerationView { record, balance_tokens, result_url, thumbnail_url, .. } = view;
        Self {
            id: record.id,
            model_slug: record.model_slug,
            text: record.result_text.map(Arc::from),
            result_file: record.result_file,
            result_url,
            thumbnail_url,
            metadata: record.result_metadata.unwrap_or_else(|| "{}".to_owned()),
            tokens_spent: record.price_tokens,
            balance_tokens: record.balance_tokens.unwrap_or(balance_tokens),
            created_at: record.created_at,
            completed_at: record.completed_at.unwrap_or(record.created_at),
        }
    }
}

/// How things stood when a generation's hold had been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// When that was.
    pub created_at: Timestamp,
    /// NeuralBox tokens that the account could spend besides.
    pub balance_tokens: i64,
    /// Where the account stood with the limits of its plan; `None` when it has none, or this is a repeat.
    pub rate: Option<RateState>,
}

/// How a generation began.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begun {
    /// Its hold was taken.
    Held(Start),
    /// The same request had begun one before.
    Before,
}

/// How far a generation is. The task writes it, listeners read it at their own pace: the text is kept once, so a slow
/// listener costs no memory and holds nothing up.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(super) begun: Option<Begun>,
    /// It goes on as a job; its end is told by its record alone.
    pub(crate) is_job: bool,
    pub(crate) text: String,
    pub(crate) end: Option<Result<Arc<Finished>, FailedGeneration>>,
}

/// A generation that has begun.
#[derive(Debug)]
pub struct Running {
    /// Its id.
    pub id: GenerationId,
    /// The model.
    pub model_slug: String,
    /// Whether the client wants its answer in pieces as it comes.
    pub is_stream: bool,
    /// Whether the client is not kept waiting.
    pub is_async: bool,
    /// How long it is worth waiting for, should it go on as a job.
    pub patience: Duration,
    /// How things stood then.
    pub start: Start,
    /// Whether it was begun by the same request before, and how that one is answered.
    pub replay: Option<Replay>,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) read_bytes: usize,
    /// Whether it may be taken back; `None` for a repeat, which is told only what has ended.
    pub(super) take_back: Option<Arc<TakeBack>>,
    /// Among the streams that its account reads.
    pub(super) _place: Option<Place>,
}

impl Running {
    /// The text that came since the last call; waits for some. `None` once the generation has ended and all was read, or has
    /// been taken back.
    pub async fn next_delta(&mut self) -> Option<String> {
        let read_bytes = self.read_bytes;
        let has_more = |progress: &Progress| progress.text.len() > read_bytes || progress.end.is_some();
        let progress = self.progress.wait_for(has_more).await.ok()?;
        let delta = progress.text.get(read_bytes..).filter(|delta| !delta.is_empty())?.to_owned();
        drop(progress);
        if self.take_back.as_ref().is_some_and(|take_back| !take_back.tell()) {
            return None;
        }
        self.read_bytes += delta.len();
        Some(delta)
    }

    /// Waits for the end; `None` when it goes on as a job, whose record tells.
    ///
    /// # Errors
    /// Why it failed; nothing was charged, unless the error is [`Error::OutcomeUnknown`].
    pub async fn finish(mut self) -> Result<Option<Arc<Finished>>, FailedGeneration> {
        match self.progress.wait_for(|progress| progress.end.is_some() || progress.is_job).await {
            Ok(progress) => progress.end.clone().transpose(),
            Err(_) => Err(lost(Some(self.id))),
        }
    }
}

/// Waits until a hold is taken, or refused.
pub(super) async fn begun(progress: &mut watch::Receiver<Progress>) -> Result<Begun, FailedGeneration> {
    let has_begun = |progress: &Progress| progress.begun.is_some() || progress.end.is_some();
    let Ok(progress) = progress.wait_for(has_begun).await else { return Err(lost(None)) };
    let refusal = || progress.end.as_ref().and_then(|end| end.as_ref().err().cloned());
    progress.begun.ok_or_else(|| refusal().unwrap_or_else(|| lost(None)))
}

/// The task is gone without a word: it panicked. Its hold, if it had one, is given back by the next heartbeat.
fn lost(generation_id: Option<GenerationId>) -> FailedGeneration {
    FailedGeneration { generation_id, error: Error::Internal("a generation's task was lost".to_owned()) }
}
