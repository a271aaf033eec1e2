//! Waiting for a job, by asking.

use super::{Attempt, Failure};
use app::ends_job;
use domain::{
    media::{Job, JobState, Made, MediaCall, Product},
    port::Provider,
};
use std::time::Duration;
use tokio::time::Instant;

impl Attempt<'_> {
    /// Asks after `job` until it is done, has failed, or the operator or the clock says that it is enough.
    pub(super) async fn follow(&self, call: &MediaCall, mut job: Job) -> Result<Product, Failure> {
        let timeout_ms = self.model.job_timeout_ms.unwrap_or(self.settings.generation.job_timeout_ms);
        let deadline = Instant::now() + duration(timeout_ms);
        loop {
            self.report.waiting(&job);
            tokio::select! {
                () = tokio::time::sleep(duration(job.poll_after_ms)) => {}
                () = self.stop.cancelled() => return Err(self.give_up(call, &job.state, "stopped").await),
            }
            if Instant::now() >= deadline {
                return Err(self.give_up(call, &job.state, "timeout").await);
            }
            match self.client.poll(call, &job.state).await {
                Ok(Made::Done(product)) => return Ok(product),
                Ok(Made::Job(running)) => job = running,
                Err(error) if ends_job(error.kind) => return Err(error.into()),
                // It says nothing about the job.
                Err(error) => self.report.note(&format!("{error}; it is asked after again")),
            }
        }
    }

    /// Asks the vendor to stop.
    async fn give_up(&self, call: &MediaCall, state: &JobState, kind: &'static str) -> Failure {
        let message = match self.client.cancel(call, state).await {
            Ok(true) => "the vendor was asked to stop the job".to_owned(),
            Ok(false) => "the vendor has no way to stop the job: it goes on, and is charged".to_owned(),
            Err(error) => format!("the job may go on, and be charged: {error}"),
        };
        Failure { kind, message }
    }
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
