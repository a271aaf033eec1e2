//! Work that outlives a request: what the worker does, whenever it comes round.

use crate::{App, Error, HoldKey, node::lost};
use std::sync::PoisonError;

/// Milliseconds after a generation's deadline in which its own process may still settle it.
const SETTLE_GRACE_MS: i64 = 40_000;
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
        let overdue = self.clock().now().plus_ms(-SETTLE_GRACE_MS);
        for (account_id, generation_id) in self.storage().lost_holds(overdue, ROUND_LEN).await? {
            self.release((account_id, generation_id)).await?;
            done.released_holds += 1;
        }
        for (account_id, cycle_id) in self.storage().ended_cycles(self.clock().now(), ROUND_LEN).await? {
            self.storage().ledger().expire(account_id, cycle_id).await?;
            done.expired_cycles += 1;
        }
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
