//! Waiting for a generation for as long as its client is kept waiting, and no longer.

use crate::{App, Caller, Error, FailedGeneration, GenerationView, Running};
use std::time::Duration;
use storage::GenerationStatus;
use tokio::time::Instant;

impl App {
    /// The caller's generation once it has ended, for a client that will not come back for it: what takes longer than
    /// [`crate::AppSettings::file_wait_ms`] is canceled.
    ///
    /// # Errors
    /// Why it failed in this process; [`Error::TimedOut`]. One that failed elsewhere says so in its record.
    pub async fn finish_in_time(
        &self,
        caller: &Caller,
        running: Running,
    ) -> Result<GenerationView, FailedGeneration> {
        let id = running.id;
        let failed = |error| FailedGeneration { generation_id: Some(id), error };
        let wait_ms = u64::try_from(self.inner.settings.file_wait_ms).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(wait_ms);
        // In time it ends, or goes on as a job.
        if let Ok(ended) = tokio::time::timeout_at(deadline, running.finish()).await {
            ended?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let view = self.await_generation(caller, id, left).await.map_err(failed)?;
        if view.record.status != GenerationStatus::Pending {
            return Ok(view);
        }
        match self.cancel(caller, id).await {
            // The process ends, and nobody waits any more.
            Ok(_) if self.inner.tasks.is_closed() => Err(failed(Error::Overloaded)),
            Ok(_) => Err(failed(Error::TimedOut)),
            // It has just ended.
            Err(Error::NotCancellable) => self.generation(caller, id).await.map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }
}
