//! Work that outlives a request: what the worker does, whenever it comes round.

use crate::{App, Error, HoldKey, idempotency::KEPT_MS, node::lost};
use domain::{ledger::Command, time::Timestamp};
use std::sync::PoisonError;

/// Milliseconds after a generation's deadline at which even a living process's hold is given back. A process minds its own
/// deadlines; this is for one that is out of its mind, and long enough for two clocks that do not agree.
const OVERDUE_MS: i64 = 10 * 60 * 1_000;
/// Rows of each kind that are taken on at a time.
const BATCH_LEN: u32 = 500;
/// As many times in one round, as long as there is more; one kind must not keep the others waiting for ever.
const MAX_BATCHES: usize = 20;

/// What one batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Whether there may be more.
    pub(crate) is_full: bool,
    /// Rows that were dealt with.
    pub(crate) done: usize,
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Processes found dead.
    pub dead_nodes: usize,
    /// Holds given back that nobody was working on.
    pub released_holds: usize,
    /// Cycles whose rest was swept.
    pub expired_cycles: usize,
    /// Files removed whose time had come.
    pub removed_files: usize,
    /// Names of requests forgotten whose time had passed.
    pub forgotten_requests: usize,
    /// Generations whose texts were forgotten, as the plan says.
    pub forgotten_texts: usize,
}

impl App {
    /// Finds dead processes, gives back holds that nobody works on, and sweeps ended cycles. Any number of workers may do
    /// so at once; each step is guarded by the ledger.
    ///
    /// # Errors
    /// The database's; what was done before stays done.
    pub async fn recover(&self) -> Result<Recovered, Error> {
        let mut done = Recovered::default();
        let beats = self.storage().living_nodes().await?;
        let now_ms = self.clock().monotonic_ms();
        let silent = self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner).look(now_ms, &beats);
        for beat in silent {
            if self.storage().declare_dead(beat).await? {
                tracing::warn!(node_id = beat.id.0, "a process has been silent for 30 s and counts as dead");
                done.dead_nodes += 1;
            }
        }
        let now = self.clock().now();
        done.released_holds = repeated(|| self.release_lost_holds(now.plus_ms(-OVERDUE_MS))).await?;
        done.expired_cycles = repeated(|| self.expire_cycles(now)).await?;
        done.removed_files = repeated(|| self.remove_expired_files()).await?;
        done.forgotten_requests = repeated(|| self.forget_requests(now.plus_ms(-KEPT_MS))).await?;
        done.forgotten_texts = repeated(|| self.forget_texts()).await?;
        self.storage().forget_sessions(now, BATCH_LEN).await?;
        Ok(done)
    }

    async fn release_lost_holds(&self, overdue: Timestamp) -> Result<Batch, Error> {
        let holds = self.storage().lost_holds(overdue, BATCH_LEN).await?;
        let mut batch = Batch::of(holds.len());
        for hold in holds {
            match self.release(hold).await {
                Ok(is_released) => batch.done += usize::from(is_released),
                Err(error) => tracing::error!(generation_id = hold.1.0, %error, "a lost hold stays"),
            }
        }
        Ok(batch)
    }

    async fn expire_cycles(&self, now: Timestamp) -> Result<Batch, Error> {
        let cycles = self.storage().ended_cycles(now, BATCH_LEN).await?;
        let mut batch = Batch::of(cycles.len());
        for (account_id, cycle_id) in cycles {
            match self.storage().ledger().run(Command::Expire { account_id, cycle_id }).await {
                Ok(()) => batch.done += 1,
                Err(error) => tracing::error!(account_id = account_id.0, %error, "an ended cycle stays"),
            }
        }
        Ok(batch)
    }

    async fn forget_requests(&self, kept_since: Timestamp) -> Result<Batch, Error> {
        let forgotten = self.storage().forget_bindings(kept_since, BATCH_LEN).await?;
        Ok(Batch {
            done: usize::try_from(forgotten).unwrap_or(usize::MAX),
            is_full: forgotten >= BATCH_LEN.into(),
        })
    }

    /// Whether it was released by this.
    async fn release(&self, (account_id, generation_id): HoldKey) -> Result<bool, Error> {
        let resolved = self
            .storage()
            .ledger()
            .release_lost(account_id, generation_id, lost(), self.clock().now())
            .await?;
        let released = resolved.is_first && !resolved.is_completed;
        let (account_id, generation_id) = (account_id.0, generation_id.0);
        tracing::warn!(account_id, generation_id, released, "a hold that nobody worked on");
        Ok(released)
    }
}

impl Batch {
    /// One that found so many rows, with nothing done yet.
    fn of(found: usize) -> Self {
        Self { is_full: u32::try_from(found).is_ok_and(|found| found >= BATCH_LEN), done: 0 }
    }
}

/// Takes on batch after batch while there is more. What cannot be mended is left for the next round: a batch that came to
/// nothing is the last.
async fn repeated<F: Future<Output = Result<Batch, Error>> + Send>(
    mut batch: impl FnMut() -> F + Send,
) -> Result<usize, Error> {
    let mut done = 0;
    for _ in 0..MAX_BATCHES {
        let Batch { is_full, done: now_done } = batch().await?;
        done += now_done;
        if !is_full || now_done == 0 {
            break;
        }
    }
    Ok(done)
}
