//! Waiting for what has begun, for as long as its client waits.

use crate::{App, Caller, Error, FailedGeneration, Finished, GenerationView, Running};
use domain::id::GenerationId;
use std::{sync::Arc, time::Duration};
use storage::GenerationStatus;
use tokio::time::Instant;

/// A generation at the end of its client's wait. One that failed is an error.
#[derive(Debug)]
pub enum Awaited {
    /// It completed.
    Finished(Arc<Finished>),
    /// It goes on.
    Pending(Box<GenerationView>),
}

impl App {
    /// What becomes of a generation in so much time; as long as it is worth it where no time is said. It may go on as a job
    /// meanwhile, or run in another process.
    ///
    /// # Errors
    /// Why it failed; nothing was charged, unless the error is [`Error::OutcomeUnknown`].
    pub async fn outcome(
        &self,
        caller: &Caller,
        running: Running,
        wait: Option<Duration>,
    ) -> Result<Awaited, FailedGeneration> {
        let id = running.id;
        let deadline = Instant::now() + wait.unwrap_or(running.patience);
        let finished = match wait {
            Some(_) => tokio::time::timeout_at(deadline, running.finish()).await.ok().transpose()?.flatten(),
            // What is made at once is waited for however long it takes.
            None => running.finish().await?,
        };
        if let Some(finished) = finished {
            return Ok(Awaited::Finished(finished));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.on_record(id, self.await_generation(caller, id, left).await)
    }

    /// The caller's generation once it has completed, for a client that will not come back for it: what takes longer than
    /// [`crate::AppSettings::file_wait_ms`] is canceled, unless this only repeats the request that began it.
    ///
    /// # Errors
    /// As [`Self::outcome`], and [`Error::TimedOut`].
    pub async fn finish_in_time(
        &self,
        caller: &Caller,
        running: Running,
    ) -> Result<Arc<Finished>, FailedGeneration> {
        let (id, is_repeat) = (running.id, running.replay.is_some());
        let wait_ms = u64::try_from(self.inner.settings.file_wait_ms).unwrap_or_default();
        let wait = Duration::from_millis(wait_ms);
        if let Awaited::Finished(finished) = self.outcome(caller, running, Some(wait)).await? {
            return Ok(finished);
        }
        let failed = |error| FailedGeneration { generation_id: Some(id), error };
        // Who began it may wait for it still, in another process.
        if is_repeat {
            return Err(failed(Error::OutcomeUnknown));
        }
        // Nobody waits any more where the process ends.
        let reason = if self.inner.tasks.is_closed() { Error::Overloaded } else { Error::TimedOut };
        let ended = match self.end_pending(caller, id, &reason).await {
            Ok(_) => return Err(failed(reason)),
            // It has just ended.
            Err(Error::NotCancellable) => self.generation(caller, id).await,
            Err(error) => Err(error),
        };
        match self.on_record(id, ended)? {
            Awaited::Finished(finished) => Ok(finished),
            Awaited::Pending(_) => Err(failed(Error::OutcomeUnknown)),
        }
    }

    /// What a record says of a generation that was begun. Where it cannot be read, nobody knows whether there was a charge:
    /// the client must not take that for a request that failed, and ask for a second one.
    fn on_record(
        &self,
        id: GenerationId,
        view: Result<GenerationView, Error>,
    ) -> Result<Awaited, FailedGeneration> {
        let failed = |error| FailedGeneration { generation_id: Some(id), error };
        let view = view.map_err(|error| {
            tracing::warn!(generation_id = id.0, %error, "what became of a generation cannot be read");
            failed(Error::OutcomeUnknown)
        })?;
        match view.record.status {
            GenerationStatus::Completed => Ok(Awaited::Finished(Arc::new(view.into()))),
            GenerationStatus::Failed => Err(failed(Error::on_record(&view.record))),
            GenerationStatus::Pending => Ok(Awaited::Pending(Box::new(view))),
        }
    }
}
