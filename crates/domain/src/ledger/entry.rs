//! Entries: movements of tokens, each with two legs.

use crate::{id::AccountId, time::Timestamp};

/// One side of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// Where tokens come from.
    Issued,
    /// The account's plan tokens, held ones included.
    Plan,
    /// The account's permanent tokens, held ones included.
    Permanent,
    /// Where tokens go that bought a generation, and where they come from when that is given back.
    Spent,
    /// Where tokens go whose cycle has ended.
    Expired,
    /// Where tokens go that are taken back, and where they come from when that is undone.
    Adjusted,
    /// What the account owes: tokens that should have been taken back, and were spent.
    Owed,
}

impl Leg {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Issued, Self::Plan, Self::Permanent, Self::Spent, Self::Expired, Self::Adjusted, Self::Owed];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Plan => "plan",
            Self::Permanent => "permanent",
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::Adjusted => "adjusted",
            Self::Owed => "owed",
        }
    }

    /// The leg of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|leg| leg.name() == name)
    }
}

/// Why tokens moved. With it an entry names its source: what [`Entry::source_id`] is the id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A plan's tokens at the start of a cycle; the source is the cycle.
    Allowance,
    /// The free plan's tokens at registration; the source is a grant.
    Starter,
    /// Permanent tokens from an operator; the source is a grant.
    Grant,
    /// A package's tokens; the source is its payment.
    Package,
    /// A completed generation; the source is the generation.
    Charge,
    /// What was left of a plan's tokens when its cycle ended; the source is the cycle.
    Expiry,
    /// Plan tokens that a failed generation gave back after their cycle had ended; the source is the generation.
    LateRelease,
    /// Tokens that go with the money that is given back for them; the source is the refund.
    Refund,
    /// The same tokens once more, because the money could not be given back; the source is the refund.
    RefundReturn,
    /// Tokens that go with money that was taken from us, and what was spent of them; the source is the refund.
    Chargeback,
    /// Plan tokens that pay a part of a higher plan; the source is the payment for it.
    TradeIn,
    /// The same tokens once more, because the higher plan was not paid; the source is the payment.
    TradeInReturn,
    /// What of newly given tokens paid a debt; the source is that of the tokens.
    DebtRecovery,
    /// Permanent tokens that an operator has taken away; the source is the decision.
    Take,
    /// Permanent tokens that an operator gives back for a completed generation; the source is the generation.
    ChargeRefund,
    /// As [`Self::ChargeRefund`], plan tokens. A reason of its own, for both leave the same leg.
    ChargeRefundPlan,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Allowance,
        Self::Starter,
        Self::Grant,
        Self::Package,
        Self::Charge,
        Self::Expiry,
        Self::LateRelease,
        Self::Refund,
        Self::RefundReturn,
        Self::Chargeback,
        Self::TradeIn,
        Self::TradeInReturn,
        Self::DebtRecovery,
        Self::Take,
        Self::ChargeRefund,
        Self::ChargeRefundPlan,
    ];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowance => "allowance",
            Self::Starter => "starter",
            Self::Grant => "grant",
            Self::Package => "package",
            Self::Charge => "charge",
            Self::Expiry => "expiry",
            Self::LateRelease => "late_release",
            Self::Refund => "refund",
            Self::RefundReturn => "refund_return",
            Self::Chargeback => "chargeback",
            Self::TradeIn => "trade_in",
            Self::TradeInReturn => "trade_in_return",
            Self::DebtRecovery => "debt_recovery",
            Self::Take => "take",
            Self::ChargeRefund => "charge_refund",
            Self::ChargeRefundPlan => "charge_refund_plan",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A movement: `amount_tokens` leave `debit` and arrive at `credit`. One row carries both legs, so an unbalanced
/// movement cannot be written down. Account, reason, source and debit together are its key: the database itself
/// refuses a second charge of a generation and a second allowance of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose tokens.
    pub account_id: AccountId,
    /// Why.
    pub reason: Reason,
    /// The generation, cycle, grant, payment or refund behind it.
    pub source_id: i64,
    /// Where they leave.
    pub debit: Leg,
    /// Where they arrive.
    pub credit: Leg,
    /// NeuralBox tokens; above 0.
    pub amount_tokens: i64,
    /// When.
    pub created_at: Timestamp,
}
