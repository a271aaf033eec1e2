//! Ending a generation before it is done.

use crate::{App, Caller, Error, GenerationView};
use domain::{
    id::GenerationId,
    media::{JobState, MediaCall},
};
use storage::GenerationStatus;

impl App {
    /// Cancels a pending generation of the caller's: its hold goes back, and its vendor is asked to stop where it can.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotCancellable`] when it has ended.
    pub async fn cancel(&self, caller: &Caller, id: GenerationId) -> Result<GenerationView, Error> {
        let view = self.generation(caller, id).await?;
        if view.record.status != GenerationStatus::Pending {
            return Err(Error::NotCancellable);
        }
        let job = self.storage().job(caller.account_id, id).await?;
        let (failure, ended_at) = (Error::Canceled.failure(), self.clock().now());
        let ledger = self.storage().ledger();
        let resolved = ledger.release_lost(caller.account_id, id, failure, ended_at).await?;
        if !resolved.is_first {
            return Err(Error::NotCancellable);
        }
        if let Some(job) = job {
            if job.product.is_none() {
                self.stop_at_vendor(&job.call, &job.state).await;
            }
            self.storage().forget_job(caller.account_id, id).await?;
        }
        self.generation(caller, id).await
    }

    /// Asks the vendor to stop. The money is back already; what comes of this is the vendor's affair.
    pub(super) async fn stop_at_vendor(&self, call: &str, state: &str) {
        let call = serde_json::from_str::<MediaCall>(call);
        let state = serde_json::from_str::<JobState>(state);
        if let (Ok(call), Ok(state)) = (call, state)
            && let Err(error) = self.inner.provider.cancel(&call, &state).await
        {
            tracing::warn!(
                vendor = call.vendor,
                kind = error.kind.name(),
                "a canceled job goes on at its vendor"
            );
        }
    }
}
