//! The rules by which tokens move, without a database: storage loads what a batch of commands touches into a
//! [`Book`], applies them, and writes what changed in one transaction.

mod binding;
mod book;
mod command;
mod entry;
mod key_use;
mod lots;
mod rate;
mod wallet;

pub use binding::{Binding, Bound};
pub use book::{Book, Changes, ChargeRefund, Loaded, NewHold, SettledHold, StoredHold, WalletChange};
pub use command::{
    Bucket, Command, EndedHold, Failure, GiveBack, Held, HoldRequest, OpenCycle, Outcome, PaidCycle,
    Refunded, Refusal, Resolution, Resolved, TakeBack,
};
pub use entry::{Entry, Leg, Reason};
pub use key_use::{KeyUse, KeyUseChange};
pub use lots::{Lot, LotChange, Lots, permanent_lots};
pub use rate::{RateLimits, RateState, RateWindow, RateWindows};
pub use wallet::{Cycle, Split, Wallet};

/// The largest amount of NeuralBox tokens that one movement may carry.
pub const MAX_AMOUNT_TOKENS: i64 = 1_000_000_000_000;
