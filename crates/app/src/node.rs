//! This process among the others.

use crate::{App, Error};
use domain::{id::NodeId, ledger::Failure};
use std::sync::PoisonError;

/// Milliseconds between two heartbeats.
pub const HEARTBEAT_MS: u64 = 10_000;
/// A hold of ours that is younger may still be on its way into the list of what runs.
const YOUNG_MS: i64 = 10_000;

impl App {
    /// Enters this process among the others; what it holds from now on bears its name.
    ///
    /// # Errors
    /// The database's.
    pub async fn register_node(&self) -> Result<(), Error> {
        let id = NodeId(self.storage().next_id().await?);
        self.storage().register_node(id).await?;
        *self.inner.node_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(())
    }

    /// This process's name among the others.
    pub(crate) fn node_id(&self) -> Result<NodeId, Error> {
        let id = *self.inner.node_id.lock().unwrap_or_else(PoisonError::into_inner);
        id.ok_or_else(|| Error::Internal("this process is not registered as a node".to_owned()))
    }

    /// Says that this process is alive, and gives back holds of its own that no task works on (one was lost in a panic, or
    /// the database went away before it could say that a hold was taken). To be called every [`HEARTBEAT_MS`].
    ///
    /// # Errors
    /// The database's.
    pub async fn heartbeat(&self) -> Result<(), Error> {
        let id = self.node_id()?;
        if !self.storage().beat(id).await? {
            tracing::warn!(node_id = id.0, "others took this process for dead; it goes on under a new name");
            return self.register_node().await;
        }
        let young = self.clock().now().plus_ms(-YOUNG_MS);
        for (account_id, generation_id) in self.storage().open_holds_of(id, young).await? {
            if !self.inner.in_flight.contains(generation_id) {
                tracing::warn!(generation_id = generation_id.0, "a hold that no task works on is given back");
                self.storage()
                    .ledger()
                    .release_lost(account_id, generation_id, lost(), self.clock().now())
                    .await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn end_node(&self) {
        if let Ok(id) = self.node_id()
            && let Err(error) = self.storage().end_node(id).await
        {
            tracing::warn!(%error, "this process could not sign off; others will find it silent");
        }
    }
}

/// What the record says of a generation whose process was lost.
pub(crate) fn lost() -> Failure {
    Failure {
        error_code: "internal_error".to_owned(),
        message: "the generation was interrupted; nothing was charged".to_owned(),
    }
}
