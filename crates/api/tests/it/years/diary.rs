//! What a person knows of what they did: the part of the truth that no service's books have.

use domain::id::GenerationId;

/// Everything that one account's owner remembers. Instants are in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Diary {
    /// Payments at YooKassa that were confirmed on their page, and when.
    pub(super) paid: Vec<(String, i64)>,
    /// What was wished for the subscription, and when.
    pub(super) wishes: Vec<(i64, Wish)>,
    /// Holds.
    pub(super) spends: Vec<Spend>,
    /// Whether an operator was asked for a refund, whatever came of it, and when.
    pub(super) refunds: Vec<i64>,
}

/// What was wished, as far as the service has said that it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It shall end with its cycle.
    End,
    /// It shall go on.
    GoOn,
    /// One of these; the answer did not come.
    Unknown,
}

/// A hold.
#[derive(Debug)]
pub(super) struct Spend {
    pub(super) id: GenerationId,
    pub(super) tokens: i64,
    /// Whether it was spent, once it has ended.
    pub(super) completed: Option<bool>,
}
