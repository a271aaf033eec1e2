//! Jobs: kept when they start, so that from then on no process is needed for them.

use crate::{App, Error};
use domain::{
    id::AccountId,
    media::{JobState, Made, MediaCall},
    port::ProviderErrorKind,
    time::Timestamp,
};
use serde::Serialize;
use storage::NewJob;

/// Milliseconds after which what could not be fetched is tried again for the first time.
const FETCH_AGAIN_MS: i64 = 1_000;

impl App {
    /// Keeps a job that has just started, or what a vendor has made and could not be fetched yet, before anything waits on
    /// it.
    pub(crate) async fn keep_job(
        &self,
        account_id: AccountId,
        call: &MediaCall,
        made: &Made,
        deadline_at: Timestamp,
    ) -> Result<(), Error> {
        let (state, product, progress, poll_after_ms) = match made {
            Made::Job(job) => (to_json(&job.state)?, None, job.progress, job.poll_after_ms),
            Made::Done(product) => {
                (to_json(&JobState::default())?, Some(to_json(product)?), None, FETCH_AGAIN_MS)
            }
        };
        let new = NewJob {
            account_id,
            generation_id: call.generation_id,
            call: to_json(call)?,
            state,
            product,
            progress,
            poll_at: self.clock().now().plus_ms(poll_after_ms),
            deadline_at,
            token: call.callback_url.as_ref().and_then(|url| url.rsplit('/').next()).map(str::to_owned),
        };
        Ok(self.storage().create_job(new).await?)
    }
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}

/// Whether an error is the vendor's word on a job, and not merely trouble with asking. A vendor that does not know the job
/// may have forgotten it, or not heard of it yet.
pub fn ends_job(kind: ProviderErrorKind) -> bool {
    matches!(kind, ProviderErrorKind::JobFailed | ProviderErrorKind::ContentRefused)
}
