//! Names that clients give their requests, so that a repeat does nothing twice.

use crate::id::GenerationId;

/// A request's name, and what tells it from another one under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// As the client chose it; unique in its account.
    pub key: String,
    /// The SHA-256 of what is asked for.
    pub fingerprint: [u8; 32],
    /// Milliseconds for which the client waits for the answer; `None` when it waits for the end, however long that takes.
    pub wait_ms: Option<i64>,
}

/// What stands under a name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The SHA-256 of what was asked for.
    pub fingerprint: [u8; 32],
    /// What came of it, where that is a generation.
    pub generation_id: Option<GenerationId>,
}
