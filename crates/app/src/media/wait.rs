//! Waiting for a generation that may end in another process.

use crate::{App, Caller, Error, GenerationView};
use domain::id::GenerationId;
use std::time::Duration;
use storage::GenerationStatus;

/// Milliseconds between two looks.
const LOOK_MS: u64 = 250;

impl App {
    /// The caller's generation once it has ended, or as it stands after `wait`.
    ///
    /// # Errors
    /// As [`App::generation`].
    pub async fn await_generation(
        &self,
        caller: &Caller,
        id: GenerationId,
        wait: Duration,
    ) -> Result<GenerationView, Error> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let view = self.generation(caller, id).await?;
            let is_over = tokio::time::Instant::now() >= deadline || self.inner.tasks.is_closed();
            if view.record.status != GenerationStatus::Pending || is_over {
                return Ok(view);
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }
}
