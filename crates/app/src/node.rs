//! This process among the others.

use crate::{App, Error};
use domain::{id::NodeId, ledger::Failure};
use std::sync::PoisonError;

/// This process among the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    id: NodeId,
    /// When it last said that it is alive and was believed, by the monotonic clock.
    beaten_at_ms: i64,
}

/// Milliseconds between two heartbeats.
pub const HEARTBEAT_MS: u64 = 10_000;
/// Milliseconds since the last heartbeat for which this process need not ask whether it counts as alive. Others wait for
/// longer before they say that it does not.
const FRESH_MS: i64 = 25_000;
/// A hold of ours that is younger may still be on its way into the list of what runs.
const YOUNG_MS: i64 = 10_000;

impl App {
    /// Enters this process among the others; what it holds from now on bears its name.
    ///
    /// # Errors
    /// The database's.
    pub async fn register_node(&self) -> Result<(), Error> {
        let _turn = self.inner.beating.lock().await;
        self.enter_node().await
    }

    async fn enter_node(&self) -> Result<(), Error> {
        let beaten_at_ms = self.clock().monotonic_ms();
        let id = NodeId(self.storage().next_id().await?);
        self.storage().register_node(id).await?;
        self.set_node(Node { id, beaten_at_ms });
        Ok(())
    }

    /// Says that this process is alive. To be called every [`HEARTBEAT_MS`], and by nothing that waits for anything else.
    ///
    /// # Errors
    /// The database's.
    pub async fn heartbeat(&self) -> Result<(), Error> {
        let _turn = self.inner.beating.lock().await;
        self.say_alive().await
    }

    async fn say_alive(&self) -> Result<(), Error> {
        let Node { id, .. } = self.node()?;
        let beaten_at_ms = self.clock().monotonic_ms();
        if self.storage().beat(id).await? {
            self.set_node(Node { id, beaten_at_ms });
            return Ok(());
        }
        tracing::warn!(node_id = id.0, "others took this process for dead; it goes on under a new name");
        self.enter_node().await
    }

    /// This process's name among the others, under which a hold may be taken. One that has not been heard of for a while asks
    /// first whether it still counts as alive: what the dead hold is given back at once.
    pub(crate) async fn living_node_id(&self) -> Result<NodeId, Error> {
        let node = self.node()?;
        if self.is_fresh(node) {
            return Ok(node.id);
        }
        // One asks for all that wait here.
        let _turn = self.inner.beating.lock().await;
        if !self.is_fresh(self.node()?) {
            self.say_alive().await?;
        }
        Ok(self.node()?.id)
    }

    fn is_fresh(&self, node: Node) -> bool {
        self.clock().monotonic_ms().saturating_sub(node.beaten_at_ms) < FRESH_MS
    }

    /// Whether this process still bears the name under which a hold was taken. The wait for the ledger may have been long
    /// enough for others to take it for dead, and then they give the hold back while a vendor works.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it does not; the database's.
    pub(crate) async fn check_node(&self, id: NodeId) -> Result<(), Error> {
        if self.living_node_id().await? == id { Ok(()) } else { Err(Error::Interrupted) }
    }

    /// Gives back holds of this process's own that no task works on: one was lost in a panic, or the database went away before
    /// it could say that a hold was taken.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_own_lost_holds(&self) -> Result<(), Error> {
        let Node { id, .. } = self.node()?;
        let young = self.clock().now().plus_ms(-YOUNG_MS);
        // A task that was alive before the question may have kept a job, or settled, by the time of the answer.
        let alive_before = self.inner.in_flight.all();
        for (account_id, generation_id) in self.storage().open_holds_of(id, young).await? {
            let is_alive =
                alive_before.contains(&generation_id) || self.inner.in_flight.contains(generation_id);
            if !is_alive {
                tracing::warn!(generation_id = generation_id.0, "a hold that no task works on is given back");
                let now = self.clock().now();
                let ledger = self.storage().ledger();
                if let Err(error) = ledger.release_lost(account_id, generation_id, lost(), now).await {
                    tracing::error!(generation_id = generation_id.0, %error, "a lost hold stays");
                }
            }
        }
        Ok(())
    }

    /// Signs this process off. Others may give back at once what it still holds. Its heartbeat must have ended.
    pub async fn sign_off(&self) {
        if let Err(error) = self.note_key_uses().await {
            tracing::warn!(%error, "the last uses of keys are lost");
        }
        if let Ok(Node { id, .. }) = self.node()
            && let Err(error) = self.storage().end_node(id).await
        {
            tracing::warn!(%error, "this process could not sign off; others will find it silent");
        }
    }

    fn node(&self) -> Result<Node, Error> {
        let node = *self.inner.node.lock().unwrap_or_else(PoisonError::into_inner);
        node.ok_or_else(|| Error::Internal("this process is not registered as a node".to_owned()))
    }

    fn set_node(&self, node: Node) {
        *self.inner.node.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
    }
}

/// What the record says of a generation whose process was lost.
pub(crate) fn lost() -> Failure {
    Error::Interrupted.failure()
}
