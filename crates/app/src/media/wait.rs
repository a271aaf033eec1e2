//! Waiting for a generation that may end in another process.

use crate::{App, Caller, Error, GenerationView};
use domain::id::{AccountId, GenerationId};
use std::time::Duration;
use storage::{GenerationStatus, Listener};
use tokio::time::Instant;

/// Between two looks for what another process has ended; what this one ends is told at once.
const LOOK: Duration = Duration::from_millis(1_500);

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
        let deadline = Instant::now() + wait;
        let mut listener = self.storage().ledger().listen(id);
        loop {
            let view = self.generation(caller, id).await?;
            if view.record.status != GenerationStatus::Pending || self.is_over(deadline) {
                return Ok(view);
            }
            self.until_ended((caller.account_id, id), &mut listener, deadline).await;
        }
    }

    /// Waits until a generation has ended, or waiting has.
    async fn until_ended(
        &self,
        (account_id, id): (AccountId, GenerationId),
        listener: &mut Listener,
        deadline: Instant,
    ) {
        while !self.is_over(deadline) {
            tokio::select! {
                () = listener.told() => return,
                () = tokio::time::sleep_until(deadline.min(Instant::now() + LOOK)) => {}
            }
            // A look that fails tells nothing; there will be another.
            let status = self.storage().generation_status(account_id, id).await;
            if status.is_ok_and(|status| status != Some(GenerationStatus::Pending)) {
                return;
            }
        }
    }

    fn is_over(&self, deadline: Instant) -> bool {
        Instant::now() >= deadline || self.inner.tasks.is_closed()
    }
}
