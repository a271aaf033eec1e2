//! Jobs that run at vendors: kept when they start, asked after until they end or their time is up.

use crate::{App, Error, HoldKey, media::random_name};
use domain::{
    id::AccountId,
    ledger::{EndedHold, Failure, Resolution},
    media::{Job, JobState, Made, MediaCall},
    port::{ProviderError, ProviderErrorKind},
    time::Timestamp,
};
use futures_util::{StreamExt, stream};
use storage::{ClaimedJob, Completion, GenerationStatus, JobUpdate, NewJob};

/// Milliseconds for which a claimed job is left to its worker: nearly always enough for a poll, and for the fetching and
/// converting of a result. When it is not, another worker does the same, and the ledger takes what comes first; a longer
/// one would keep the jobs of a worker that died waiting.
const LEASE_MS: i64 = 60_000;
/// Jobs that one round asks after.
const ROUND_LEN: u32 = 64;
/// Jobs that are asked after at the same time.
const AT_ONCE: usize = 16;
/// Milliseconds between two polls, at most.
const MAX_PAUSE_MS: i64 = 30_000;

impl App {
    /// Keeps a job that has just started, before anything waits on it.
    pub(crate) async fn keep_job(
        &self,
        account_id: AccountId,
        call: &MediaCall,
        job: Job,
        deadline_at: Timestamp,
    ) -> Result<(), Error> {
        let json =
            |value: Result<String, serde_json::Error>| value.map_err(|e| Error::Internal(e.to_string()));
        let new = NewJob {
            account_id,
            generation_id: call.generation_id,
            call: json(serde_json::to_string(call))?,
            state: json(serde_json::to_string(&job.state))?,
            progress: job.progress,
            poll_at: self.clock().now().plus_ms(job.poll_after_ms),
            deadline_at,
            token: call.callback_url.as_ref().and_then(|url| url.rsplit('/').next()).map(str::to_owned),
        };
        Ok(self.storage().create_job(new).await?)
    }

    /// An address at which the vendor may tell that a job has moved, while this service has a public one.
    pub(crate) fn callback_url(&self) -> Result<Option<String>, Error> {
        if !self.inner.settings.is_public {
            return Ok(None);
        }
        let token = random_name("job")?;
        Ok(Some(format!("{}/api/v2/callbacks/{token}", self.inner.settings.public_url())))
    }

    /// A vendor says that a job has moved. That is only a hint to ask now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a token that is no job's.
    pub async fn hasten_job(&self, token: &str) -> Result<(), Error> {
        let is_known = self.storage().hasten_job(token, self.clock().now()).await?;
        if is_known { Ok(()) } else { Err(Error::NotFound("job")) }
    }

    /// Asks after every job that is due, and says how many there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn poll_jobs(&self) -> Result<usize, Error> {
        let now = self.clock().now();
        let jobs = self.storage().claim_jobs(now, now.plus_ms(LEASE_MS), ROUND_LEN).await?;
        let count = jobs.len();
        stream::iter(jobs)
            .for_each_concurrent(AT_ONCE, async |job| {
                let id = job.generation_id.0;
                if let Err(error) = self.poll_job(&job).await {
                    // The lease runs out, and another round takes it up.
                    tracing::warn!(generation_id = id, %error, "a job could not be asked after");
                }
            })
            .await;
        Ok(count)
    }

    async fn poll_job(&self, job: &ClaimedJob) -> Result<(), Error> {
        let key = (job.account_id, job.generation_id);
        let record = self.storage().generation(job.account_id, job.generation_id).await?;
        let status = record.map(|record| record.status);
        if status != Some(GenerationStatus::Pending) {
            // Canceled while it was being started, say: nobody wants it any more.
            if status == Some(GenerationStatus::Failed) {
                self.stop_at_vendor(&job.call, &job.state).await;
            }
            return Ok(self.storage().forget_job(job.account_id, job.generation_id).await?);
        }
        let bad = |error: serde_json::Error| Error::Internal(error.to_string());
        let mut call: MediaCall = serde_json::from_str(&job.call).map_err(bad)?;
        let state: JobState = serde_json::from_str(&job.state).map_err(bad)?;
        let folder = tempfile::tempdir().map_err(|error| super::inputs::disk(&error))?;
        call.scratch = folder.path().to_owned();
        let made = self.inner.provider.poll(&call, &state).await;
        let end = match made {
            Ok(Made::Job(running)) => return self.go_on(job, &call, running).await,
            Ok(Made::Done(product)) => self.finish(job.account_id, &call, product).await,
            Err(error) if ends_job(error.kind) => {
                Err(Error::from_provider(&error, &call.vendor, &call.model_slug))
            }
            // It says nothing about the job: ask again, unless there is no time left.
            Err(error) => {
                tracing::warn!(
                    vendor = call.vendor,
                    kind = error.kind.name(),
                    message = error.message,
                    "poll"
                );
                let running = Job { state, poll_after_ms: 2_000, progress: None };
                return self.go_on(job, &call, running).await;
            }
        };
        self.end_job(key, end).await
    }

    /// Gives a job back that goes on; later each time, and not all at once. One whose time is up has failed.
    async fn go_on(&self, job: &ClaimedJob, call: &MediaCall, running: Job) -> Result<(), Error> {
        let now = self.clock().now();
        if now >= job.deadline_at {
            if let Err(error) = self.inner.provider.cancel(call, &running.state).await {
                tracing::warn!(vendor = call.vendor, kind = error.kind.name(), "a late job is not canceled");
            }
            let error = ProviderError::new(ProviderErrorKind::Timeout, "the job's time is up");
            let error = Error::from_provider(&error, &call.vendor, &call.model_slug);
            return self.end_job((job.account_id, job.generation_id), Err(error)).await;
        }
        let state = serde_json::to_string(&running.state).map_err(|e| Error::Internal(e.to_string()))?;
        let poll_at = now.plus_ms(pause_ms(running.poll_after_ms, job.polls)?).min(job.deadline_at);
        let update = JobUpdate { state, progress: running.progress, poll_at };
        if !self.storage().update_job(job, update).await? {
            tracing::info!(generation_id = job.generation_id.0, "another worker has taken this job over");
        }
        Ok(())
    }

    /// Settles a generation that ran as a job, and forgets the job.
    async fn end_job(
        &self,
        (account_id, generation_id): HoldKey,
        end: Result<Completion, Error>,
    ) -> Result<(), Error> {
        let resolution = match end {
            // What is wrong on our side may be right the next time; the vendor's result stays a while.
            Err(error @ (Error::Overloaded | Error::Internal(_) | Error::OutcomeUnknown)) => {
                return Err(error);
            }
            Err(error) => Resolution::Failed(Failure {
                error_code: error.code().to_owned(),
                message: error.to_string(),
            }),
            Ok(completion) => Resolution::Completed(completion),
        };
        let files = match &resolution {
            Resolution::Completed(completion) => completion.files.clone(),
            Resolution::Failed(_) => Vec::new(),
        };
        let ended_at = self.clock().now();
        let ended = EndedHold { account_id, generation_id, ended_at, resolution };
        let resolved = self.storage().ledger().resolve_job(ended).await?;
        if !(resolved.is_first && resolved.is_completed) {
            self.discard(&files).await?;
        }
        let (id, outcome) = (generation_id.0, if resolved.is_completed { "completed" } else { "failed" });
        tracing::info!(generation_id = id, outcome, is_first = resolved.is_first, "job ended");
        Ok(self.storage().forget_job(account_id, generation_id).await?)
    }
}

/// Whether an error is the vendor's word on a job, and not merely trouble with asking. A vendor that does not know the job
/// may have forgotten it, or not heard of it yet.
pub fn ends_job(kind: ProviderErrorKind) -> bool {
    matches!(kind, ProviderErrorKind::JobFailed | ProviderErrorKind::ContentRefused)
}

/// Milliseconds until the next poll: what the adapter says, an eighth more after each of the first ten, and up to a
/// quarter more by chance.
fn pause_ms(first_ms: i64, polls: i64) -> Result<i64, Error> {
    let mut pause = first_ms.clamp(100, MAX_PAUSE_MS);
    for _ in 1..polls.min(10) {
        pause = (pause + pause / 8).min(MAX_PAUSE_MS);
    }
    let chance = getrandom::u32().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(pause + i64::from(chance) % (pause / 4 + 1))
}
