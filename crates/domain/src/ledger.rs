//! The rules by which tokens move, without a database: storage loads what a batch of commands touches into a
//! [`Book`], applies them, and writes what changed in one transaction.

mod book;
mod entry;
mod wallet;

pub use book::{
    Book, Changes, Command, EndedHold, Failure, HoldRequest, NewHold, OpenCycle, Outcome, Refusal,
    Resolution, Resolved, StoredHold, WalletChange,
};
pub use entry::{Entry, Leg, Reason};
pub use wallet::{Cycle, Split, Wallet};

/// The largest amount of NeuralBox tokens that one movement may carry.
pub const MAX_AMOUNT_TOKENS: i64 = 1_000_000_000_000;
