//! Listening to a generation.

use crate::{Error, FailedGeneration};
use domain::{id::GenerationId, time::Timestamp};
use serde_json::Value;
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
    pub text: Option<String>,
    /// Where its answer is, when it is a file.
    pub result_url: Option<String>,
    /// Where a small picture of it is.
    pub thumbnail_url: Option<String>,
    /// About the answer: usage, the model that answered, and so on.
    pub metadata: Value,
    /// NeuralBox tokens charged.
    pub tokens_spent: i64,
    /// NeuralBox tokens that the account can spend now.
    pub balance_tokens: i64,
    /// When its hold was taken.
    pub created_at: Timestamp,
    /// When it was settled.
    pub completed_at: Timestamp,
}

/// How far a generation is. The task writes it, listeners read it at their own pace: the text is kept once, so a slow
/// listener costs no memory and holds nothing up.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) is_held: bool,
    /// It goes on as a job; its end is told by its record alone.
    pub(super) is_job: bool,
    pub(super) text: String,
    pub(super) end: Option<Result<Arc<Finished>, FailedGeneration>>,
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
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) read_bytes: usize,
}

impl Running {
    /// Waits until the hold is taken, or refused.
    pub(super) async fn begun(mut self) -> Result<Self, FailedGeneration> {
        let has_begun = |progress: &Progress| progress.is_held || progress.end.is_some();
        let refusal = match self.progress.wait_for(has_begun).await {
            Ok(progress) if progress.is_held => None,
            Ok(progress) => progress.end.as_ref().and_then(|end| end.as_ref().err().cloned()),
            Err(_) => Some(lost(None)),
        };
        refusal.map_or(Ok(self), Err)
    }

    /// The text that came since the last call; waits for some. `None` once the generation has ended and all was read.
    pub async fn next_delta(&mut self) -> Option<String> {
        let read_bytes = self.read_bytes;
        let has_more = |progress: &Progress| progress.text.len() > read_bytes || progress.end.is_some();
        let progress = self.progress.wait_for(has_more).await.ok()?;
        let delta = progress.text.get(read_bytes..).filter(|delta| !delta.is_empty())?.to_owned();
        drop(progress);
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

/// The task is gone without a word: it panicked. Its hold, if it had one, is given back by the next heartbeat.
fn lost(generation_id: Option<GenerationId>) -> FailedGeneration {
    FailedGeneration { generation_id, error: Error::Internal("a generation's task was lost".to_owned()) }
}
