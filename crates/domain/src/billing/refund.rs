//! Money that goes back.

use super::Money;
use crate::{
    id::{AccountId, CycleId, PaymentId, RefundId},
    time::Timestamp,
};

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundKind {
    /// An operator gives it back, and takes the tokens.
    Granted,
    /// It came for something that could not be had any more: nothing was given for it.
    Unwanted,
    /// The service took it: a chargeback, or a refund by hand on its own pages.
    Chargeback,
}

impl RefundKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Unwanted, Self::Chargeback];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Unwanted => "unwanted",
            Self::Chargeback => "chargeback",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundStatus {
    /// Written down; the tokens may or may not be taken yet.
    New,
    /// The tokens are taken; the service may or may not know of it.
    Taken,
    /// The service has it, and nobody knows yet how it ends.
    Pending,
    /// The money has gone back.
    Succeeded,
    /// It has not; the tokens are given back.
    Failed,
}

impl RefundStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::New, Self::Taken, Self::Pending, Self::Succeeded, Self::Failed];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Taken => "taken",
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub id: RefundId,
    /// Counts its changes; each is made only to the version that was seen.
    pub version: i64,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Why.
    pub kind: RefundKind,
    /// How far it is.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// NeuralBox tokens that are taken for it.
    pub tokens: i64,
    /// NeuralBox tokens that should be and were spent.
    pub owed_tokens: i64,
    /// The cycle whose tokens they are; `None` for permanent ones.
    pub cycle_id: Option<CycleId>,
    /// What the bucket held when this was decided, available and in holds.
    pub seen: (i64, i64),
    /// What the service knows it by.
    pub reference: String,
    /// The service's own id of it.
    pub gateway_id: Option<String>,
    /// Why, in an operator's words.
    pub reason: String,
    /// Why a person must look at it; nothing is done about it meanwhile.
    pub attention: Option<String>,
    /// How often the service was asked, without an end.
    pub checks: i64,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is to be looked at next; `None` when it has come to its end.
    pub due_at: Option<Timestamp>,
}

impl Refund {
    /// Whether its tokens are still to be taken: they count as there, and its money as gone. Nothing else can be reckoned of its
    /// payment meanwhile.
    pub fn is_undecided(&self) -> bool {
        self.status == RefundStatus::New
    }
}
