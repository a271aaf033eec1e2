//! Rounds over the jobs that are due: each is claimed by one worker, and worked at in a task of its own, so that none waits
//! for another.

use crate::{App, Error};
use futures_util::{FutureExt, future::join_all};
use std::{panic::AssertUnwindSafe, time::Duration};
use storage::ClaimedJob;
use tokio::task::JoinHandle;

/// Milliseconds for which a claimed job is left to its worker, which renews that while it is at work. A longer one would keep
/// the jobs of a worker that died waiting, and no job is to end later than a minute after its deadline.
const LEASE_MS: i64 = 45_000;
/// Milliseconds after which a lease is renewed.
const RENEWAL_MS: i64 = LEASE_MS / 3;
/// Between two looks whether it is time to.
const LOOK: Duration = Duration::from_millis(500);

/// The jobs, or messages, that a round took up. They go on whether or not anybody waits for them.
#[derive(Debug, Default)]
pub struct Round {
    tasks: Vec<JoinHandle<()>>,
}

impl Round {
    pub(crate) fn of(tasks: Vec<JoinHandle<()>>) -> Self {
        Self { tasks }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until this process is done with all of them.
    pub async fn finished(self) {
        join_all(self.tasks).await;
    }
}

impl App {
    /// Takes up the jobs that are due, as far as there is room for them.
    ///
    /// # Errors
    /// The database's.
    pub async fn poll_jobs(&self) -> Result<Round, Error> {
        // Counts as a task itself, so that the end of this process waits for what is being claimed.
        let _counted = self.inner.tasks.token();
        let room = self.inner.job_room.clone();
        let free = u32::try_from(room.available_permits()).unwrap_or(u32::MAX);
        let Some(mut room) = room.try_acquire_many_owned(free).ok().filter(|_| free > 0) else {
            return Ok(Round::default());
        };
        if self.inner.tasks.is_closed() {
            return Ok(Round::default());
        }
        let now = self.clock().now();
        let jobs = self.storage().claim_jobs(now, now.plus_ms(LEASE_MS), free).await?;
        let tasks = jobs.into_iter().map(|job| {
            let (app, place) = (self.clone(), room.split(1));
            self.inner.tasks.spawn(async move {
                app.work_at(&job).await;
                drop(place);
            })
        });
        Ok(Round::of(tasks.collect()))
    }

    /// Works at a claimed job until there is nothing more to do for now, another worker has it, or this process ends.
    async fn work_at(&self, job: &ClaimedJob) {
        let id = job.generation_id.0;
        let visit = AssertUnwindSafe(self.visit(job)).catch_unwind();
        let left = tokio::select! {
            visited = visit => {
                let panicked = |_| Err(Error::Internal("work at a job panicked".to_owned()));
                let Err(error) = visited.unwrap_or_else(panicked) else { return };
                tracing::warn!(generation_id = id, %error, "a job is left for later");
                self.put_off(job).await
            }
            () = self.keep_claim(job) => {
                tracing::info!(generation_id = id, "another worker has taken this job over");
                return;
            }
            () = self.inner.shutdown.cancelled() => self.give_back(job).await,
        };
        if let Err(error) = left {
            // The lease runs out, and another round takes it up.
            tracing::warn!(generation_id = id, %error, "a job stays claimed");
        }
    }

    /// Renews the lease of a job that is being worked at; answers when the claim is lost.
    async fn keep_claim(&self, job: &ClaimedJob) {
        let mut renew_at = self.clock().now().plus_ms(RENEWAL_MS);
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.clock().now();
            if now < renew_at {
                continue;
            }
            match self.storage().extend_claim(job, now.plus_ms(LEASE_MS)).await {
                Ok(true) => renew_at = now.plus_ms(RENEWAL_MS),
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(generation_id = job.generation_id.0, %error, "a lease is not renewed");
                }
            }
        }
    }
}
