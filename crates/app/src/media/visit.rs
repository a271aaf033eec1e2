//! One visit to a job: its vendor is asked, what it made is fetched, and its end is written down.

use super::jobs::{ends_job, to_json};
use crate::{
    App, Error,
    failed_call::FailedCall,
    generate::in_time,
    measure::{count_generation, count_late_settle},
};
use domain::{
    ledger::{EndedHold, Resolution},
    media::{Job, JobState, Made, MediaCall},
    port::ProviderErrorKind,
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use storage::{ClaimedJob, Completion, GenerationStatus, JobUpdate};

/// Milliseconds between two polls, at most.
const MAX_PAUSE_MS: i64 = 30_000;
/// Milliseconds until the next visit after one that came to nothing; twice as long after each further one.
const FIRST_TROUBLE_MS: i64 = 2_000;
/// Milliseconds of that, at most.
const MAX_TROUBLE_MS: i64 = 60_000;

impl App {
    /// Asks after a job, and does what follows. An error says nothing about the job: it is to be visited again.
    pub(super) async fn visit(&self, job: &ClaimedJob) -> Result<(), Error> {
        let status = self.storage().generation_status(job.account_id, job.generation_id).await?;
        if status != Some(GenerationStatus::Pending) {
            // Canceled while it was being started, say: nobody wants it any more.
            if status == Some(GenerationStatus::Failed) && job.product.is_none() {
                self.stop_canceled(job.account_id, &job.call, &job.state).await;
            }
            return Ok(self.storage().forget_job(job.account_id, job.generation_id).await?);
        }
        let mut call: MediaCall = from_json(&job.call)?;
        let folder = self.scratch_folder()?;
        call.scratch = folder.path().to_owned();
        let made = match &job.product {
            Some(product) => Ok(Made::Done(from_json(product)?)),
            None => {
                let state: JobState = from_json(&job.state)?;
                in_time(call.timeout_ms, self.inner.provider.poll(&call, &state)).await
            }
        };
        match made {
            Ok(Made::Job(running)) => self.go_on(job, running).await,
            Ok(Made::Done(product)) => match self.finish(job.account_id, &call, product).await {
                // The vendor's result stays a while.
                Err(error) if error.may_pass() => Err(error),
                end => self.end_job(job, end.map_err(FailedCall::from)).await,
            },
            Err(error) => {
                let (vendor, kind) = (&call.vendor, error.kind);
                tracing::warn!(vendor, kind = kind.name(), message = error.message, "poll");
                let failed = FailedCall::at_vendor(&error, vendor, &call.model_slug);
                if ends_job(kind) { self.end_job(job, Err(failed)).await } else { Err(failed.error) }
            }
        }
    }

    /// Gives a job back that runs; later each time, and not all at once.
    async fn go_on(&self, job: &ClaimedJob, running: Job) -> Result<(), Error> {
        let now = self.clock().now();
        if now >= job.deadline_at {
            return self.end_late(job).await;
        }
        let pause_ms = scattered(job, pause_ms(running.poll_after_ms, job.polls));
        let update = JobUpdate {
            state: to_json(&running.state)?,
            progress: running.progress.or(job.progress),
            troubles: 0,
            poll_at: now.plus_ms(pause_ms).min(job.deadline_at),
        };
        self.leave(job, update).await
    }

    /// Gives a job back at which this worker could do nothing; one whose time is up has failed.
    pub(super) async fn put_off(&self, job: &ClaimedJob) -> Result<(), Error> {
        let now = self.clock().now();
        if now >= job.deadline_at {
            return self.end_late(job).await;
        }
        let pause_ms = scattered(job, trouble_ms(job.troubles));
        let update = unchanged(job, now.plus_ms(pause_ms).min(job.deadline_at));
        self.leave(job, JobUpdate { troubles: job.troubles.saturating_add(1), ..update }).await
    }

    /// Gives a job back for another worker to take up at once.
    pub(super) async fn give_back(&self, job: &ClaimedJob) -> Result<(), Error> {
        self.leave(job, unchanged(job, self.clock().now())).await
    }

    async fn leave(&self, job: &ClaimedJob, update: JobUpdate) -> Result<(), Error> {
        if !self.storage().update_job(job, update).await? {
            tracing::info!(generation_id = job.generation_id.0, "another worker has taken this job over");
        }
        Ok(())
    }

    /// Fails a job whose time is up, and has its vendor stop it where it can.
    async fn end_late(&self, job: &ClaimedJob) -> Result<(), Error> {
        let failed = match (from_json::<MediaCall>(&job.call), from_json::<JobState>(&job.state)) {
            (Ok(call), Ok(state)) => FailedCall {
                is_free: job.product.is_none() && self.stop_at_vendor(&call, &state).await,
                error: Error::Provider { provider: call.vendor, kind: ProviderErrorKind::Timeout },
            },
            (Err(error), _) | (_, Err(error)) => error.into(),
        };
        self.end_job(job, Err(failed)).await
    }

    /// Settles a generation that ran as a job, and forgets the job.
    async fn end_job(&self, job: &ClaimedJob, end: Result<Completion, FailedCall>) -> Result<(), Error> {
        let (account_id, generation_id) = (job.account_id, job.generation_id);
        let (resolution, files) = match end {
            Ok(completion) => {
                let files = completion.files.clone();
                (Resolution::Completed(completion), files)
            }
            Err(failed) => (Resolution::Failed(failed.failure()), Vec::new()),
        };
        let outcome = match &resolution {
            Resolution::Failed(failure) => failure.error_code.clone(),
            _ => "completed".to_owned(),
        };
        let ended_at = self.clock().now();
        let ended = EndedHold { account_id, generation_id, ended_at, resolution };
        let resolved = self.storage().ledger().resolve_job(ended).await?;
        if !(resolved.is_first && resolved.is_completed) {
            self.discard(account_id, generation_id, &files).await?;
        }
        if resolved.is_first {
            let model_slug = from_json::<MediaCall>(&job.call).map(|call| call.model_slug);
            count_generation(&model_slug.unwrap_or_default(), &outcome, resolved.tokens_spent);
        } else {
            count_late_settle();
        }
        tracing::info!(generation_id = generation_id.0, outcome, is_first = resolved.is_first, "job ended");
        Ok(self.storage().forget_job(account_id, generation_id).await?)
    }
}

/// What is written of a job that has not moved, and is due at `poll_at`.
fn unchanged(job: &ClaimedJob, poll_at: Timestamp) -> JobUpdate {
    JobUpdate { state: job.state.clone(), progress: job.progress, troubles: job.troubles, poll_at }
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| Error::Internal(error.to_string()))
}

/// Milliseconds until the next poll: what the adapter says, and an eighth more after each of the first ten.
fn pause_ms(first_ms: i64, polls: i64) -> i64 {
    let mut pause = first_ms.clamp(100, MAX_PAUSE_MS);
    for _ in 1..polls.min(10) {
        pause = (pause + pause / 8).min(MAX_PAUSE_MS);
    }
    pause
}

/// Milliseconds until the next visit after so many in a row, and another one, that came to nothing.
fn trouble_ms(troubles: i64) -> i64 {
    let doublings = u32::try_from(troubles).unwrap_or(u32::MAX).min(10);
    (FIRST_TROUBLE_MS << doublings).min(MAX_TROUBLE_MS)
}

/// Up to a quarter more, so that what began together does not stay together: as good as chance, and the same for the same visit.
fn scattered(job: &ClaimedJob, pause_ms: i64) -> i64 {
    // SplitMix64, whose neighbours have nothing in common.
    let visit = job.generation_id.0.unsigned_abs().wrapping_mul(1_000).wrapping_add(job.polls.unsigned_abs());
    let mixed = visit.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) ^ (mixed >> 31);
    pause_ms + i64::try_from(mixed >> 32).unwrap_or_default() % (pause_ms / 4 + 1)
}
