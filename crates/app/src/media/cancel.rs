//! Ending a generation before it is done.

use crate::{App, Caller, Error, GenerationView, generate::TakeBack};
use domain::{
    catalog::Category,
    id::{AccountId, GenerationId},
    media::{JobState, MediaCall},
};
use storage::GenerationStatus;

impl App {
    /// Cancels a pending generation of the caller's: its hold goes back, and its vendor is asked to stop where it can. A text
    /// of which any part has been told is not taken back: it would have been had for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotCancellable`] when it has ended, when some of its text has been told, and when its text
    /// is under way in another process, where that may be so.
    pub async fn cancel(&self, caller: &Caller, id: GenerationId) -> Result<GenerationView, Error> {
        let view = self.generation(caller, id).await?;
        match self.inner.in_flight.take_back(id) {
            Some(take_back) => self.take_back(caller, view, &take_back).await,
            None if self.is_text(&view.record.model_slug) => Err(Error::NotCancellable),
            None => self.end_pending(caller, id, &Error::Canceled).await,
        }
    }

    /// Cancels a generation that this process works on.
    async fn take_back(
        &self,
        caller: &Caller,
        view: GenerationView,
        take_back: &TakeBack,
    ) -> Result<GenerationView, Error> {
        if !take_back.take_back() {
            return Err(Error::NotCancellable);
        }
        let ended = self.end_pending(caller, view.record.id, &Error::Canceled).await;
        match &ended {
            Ok(_) => take_back.stop(),
            Err(_) => take_back.undo(),
        }
        ended
    }

    fn is_text(&self, model_slug: &str) -> bool {
        self.catalog().model(model_slug).is_some_and(|model| model.category == Category::Text)
    }

    /// Ends a pending generation for `reason`, which its record says.
    pub(super) async fn end_pending(
        &self,
        caller: &Caller,
        id: GenerationId,
        reason: &Error,
    ) -> Result<GenerationView, Error> {
        let view = self.generation(caller, id).await?;
        let is_pending = view.record.status == GenerationStatus::Pending;
        if !is_pending || !self.release_pending(caller.account_id, id, reason).await? {
            return Err(Error::NotCancellable);
        }
        self.generation(caller, id).await
    }

    /// Gives a pending generation's hold back for `reason`, and asks its vendor to stop. `false` when it has ended.
    pub(crate) async fn release_pending(
        &self,
        account_id: AccountId,
        id: GenerationId,
        reason: &Error,
    ) -> Result<bool, Error> {
        let job = self.storage().job(account_id, id).await?;
        let (failure, ended_at) = (reason.failure(), self.clock().now());
        let resolved = self.storage().ledger().release(account_id, id, failure, ended_at).await?;
        if !resolved.is_first {
            return Ok(false);
        }
        if let Some(job) = job {
            if job.product.is_none() {
                self.stop_canceled(account_id, &job.call, &job.state).await;
            }
            self.storage().forget_job(account_id, id).await?;
        }
        Ok(true)
    }

    /// Asks the vendor to stop a job whose hold went back before; what comes of this is the vendor's affair, and our bill's.
    pub(super) async fn stop_canceled(&self, account_id: AccountId, call: &str, state: &str) {
        let Ok(call) = serde_json::from_str::<MediaCall>(call) else { return };
        let Ok(state) = serde_json::from_str::<JobState>(state) else { return };
        if self.stop_at_vendor(&call, &state).await {
            self.correct_spend(&call.vendor, (account_id, call.generation_id), None).await;
        }
    }

    /// Asks the vendor to stop a job. Whether that is known to have left nothing to pay: where it is of interest, the vendor
    /// is asked what became of the job, for it may have been done already.
    pub(super) async fn stop_at_vendor(&self, call: &MediaCall, state: &JobState) -> bool {
        let provider = &self.inner.provider;
        match provider.cancel(call, state).await {
            Ok(has_a_way) => {
                has_a_way
                    && self.inner.spend.is_limited(&call.vendor)
                    && provider.poll(call, state).await.is_err_and(|error| error.is_free)
            }
            Err(error) => {
                let (vendor, kind) = (&call.vendor, error.kind.name());
                tracing::warn!(vendor, kind, "a canceled job goes on at its vendor");
                false
            }
        }
    }
}
