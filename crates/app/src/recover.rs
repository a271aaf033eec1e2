//! Work that outlives a request: what the worker does, whenever it comes round.

use crate::{App, Error, HoldKey, idempotency::KEPT_MS, node::lost};
use domain::ledger::Command;
use std::sync::PoisonError;

/// Milliseconds after a generation's deadline at which even a living process's hold is given back. A process minds its own
/// deadlines; this is for one that is out of its mind, and long enough for two clocks that do not agree.
const OVERDUE_MS: i64 = 10 * 60 * 1_000;
/// Rows that one round takes on of each kind.
const ROUND_LEN: u32 = 500;

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
    pub forgotten_requests: u64,
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
        let overdue = self.clock().now().plus_ms(-OVERDUE_MS);
        // What cannot be mended is left for the next round, and holds up nothing else.
        for hold in self.storage().lost_holds(overdue, ROUND_LEN).await? {
            match self.release(hold).await {
                Ok(()) => done.released_holds += 1,
                Err(error) => tracing::error!(generation_id = hold.1.0, %error, "a lost hold stays"),
            }
        }
        for (account_id, cycle_id) in self.storage().ended_cycles(self.clock().now(), ROUND_LEN).await? {
            match self.storage().ledger().run(Command::Expire { account_id, cycle_id }).await {
                Ok(()) => done.expired_cycles += 1,
                Err(error) => tracing::error!(account_id = account_id.0, %error, "an ended cycle stays"),
            }
        }
        done.removed_files = self.remove_expired_files().await?;
        let kept_since = self.clock().now().plus_ms(-KEPT_MS);
        done.forgotten_requests = self.storage().forget_bindings(kept_since, ROUND_LEN).await?;
        Ok(done)
    }

    async fn release(&self, (account_id, generation_id): HoldKey) -> Result<(), Error> {
        let resolved = self
            .storage()
            .ledger()
            .release_lost(account_id, generation_id, lost(), self.clock().now())
            .await?;
        tracing::warn!(
            account_id = account_id.0,
            generation_id = generation_id.0,
            released = resolved.is_first && !resolved.is_completed,
            "a hold that nobody worked on"
        );
        Ok(())
    }
}
