//! What the ledger can be told, and what it answers.

use super::{Binding, Cycle, MAX_AMOUNT_TOKENS, RateLimits, RateState, RateWindows, Reason, Split};
use crate::{
    catalog::Category,
    id::{AccountId, CycleId, GenerationId, GrantId, KeyId, NodeId, PaymentId, SubscriptionId},
    time::Timestamp,
};

/// Asks for tokens to be set aside for one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// Who pays.
    pub account_id: AccountId,
    /// The generation, whose row is the hold.
    pub generation_id: GenerationId,
    /// Its price in NeuralBox tokens; above 0.
    pub price_tokens: i64,
    /// Which model.
    pub model_slug: String,
    /// What that makes.
    pub category: Category,
    /// With which key, if with one.
    pub key_id: Option<KeyId>,
    /// Which process works on it.
    pub node_id: NodeId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The instant after which nobody can be working on it any more.
    pub deadline_at: Timestamp,
    /// What the account's plan lets it begin.
    pub limits: RateLimits,
    /// NeuralBox tokens that the key may use in a calendar month (UTC), where that is limited.
    pub key_budget_tokens: Option<i64>,
    /// The request's name, where the client gave it one.
    pub binding: Option<Binding>,
    /// What it may cost us at its vendor, in micro-dollars, where that is counted before it has ended.
    pub vendor_cost_micro_usd: Option<i64>,
    /// Where to send word of its end, besides the account's endpoints.
    pub webhook_url: Option<String>,
    /// Whether somebody is told of it before it has ended, so that it must be on disk by then.
    pub is_told: bool,
}

/// Why a generation failed, for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error code of the API.
    pub error_code: String,
    /// For the client.
    pub message: String,
    /// A JSON object for the client, where there is more to say.
    pub details: Option<String>,
    /// Whether its vendor is known to charge nothing for it.
    pub is_free: bool,
}

/// What becomes of a hold. `Done` is what a completed generation leaves besides its charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<Done> {
    /// The generation succeeded: the hold is spent.
    Completed(Done),
    /// The generation failed: the hold goes back.
    Failed(Failure),
    /// Nobody seems to work on the generation: the hold goes back, unless it runs as a job by now, which changes nothing.
    Lost(Failure),
}

/// A hold and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedHold<Done> {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub generation_id: GenerationId,
    /// When the generation ended.
    pub ended_at: Timestamp,
    /// How.
    pub resolution: Resolution<Done>,
}

/// Starts a cycle, which ends the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCycle {
    /// Whose.
    pub account_id: AccountId,
    /// The new cycle.
    pub cycle: Cycle,
    /// NeuralBox tokens that it brings.
    pub allowance_tokens: i64,
    /// Whose cycle it is among a subscription's; `None` for one that an operator gave.
    pub paid_by: Option<PaidCycle>,
}

/// A subscription's cycle. The database takes each of them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidCycle {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Which of its cycles, from 0.
    pub cycle_index: i64,
    /// The payment that bought it.
    pub payment_id: PaymentId,
}

/// One of an account's two kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// The tokens of a cycle.
    Plan(CycleId),
    /// Tokens that never expire.
    Permanent,
}

/// Takes tokens away again that were given, for money that went back or for another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// From whom.
    pub account_id: AccountId,
    /// What for.
    pub reason: Reason,
    /// The refund, or whatever else is behind it; a second one of the same reason changes nothing.
    pub source_id: i64,
    /// From which bucket.
    pub bucket: Bucket,
    /// How many NeuralBox tokens; 0 or above. They must be there, and in no hold.
    pub amount_tokens: i64,
    /// NeuralBox tokens that should have been taken and were spent: a debt, recovered from what is given later.
    pub owed_tokens: i64,
    /// What the bucket held when the amount was decided, available and in holds: when it has changed, nothing is taken.
    pub seen: (i64, i64),
}

/// Gives back what [`TakeBack`] took, because what it was taken for did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiveBack {
    /// To whom.
    pub account_id: AccountId,
    /// Why.
    pub reason: Reason,
    /// As which the tokens were taken; nothing is given back of what was not.
    pub taken_as: Reason,
    /// As it was taken for; a second one of the same reason changes nothing.
    pub source_id: i64,
    /// Into which bucket. Tokens of a cycle that has ended meanwhile stay ended.
    pub bucket: Bucket,
    /// How many NeuralBox tokens; above 0.
    pub amount_tokens: i64,
}

/// Something the ledger is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<Done> {
    /// Set tokens aside.
    Hold(HoldRequest),
    /// End a hold, either way.
    Resolve(EndedHold<Done>),
    /// Give permanent tokens.
    Grant {
        /// To whom.
        account_id: AccountId,
        /// The grant; a second one of the same id and reason changes nothing.
        grant_id: GrantId,
        /// Why.
        reason: Reason,
        /// How many NeuralBox tokens; above 0.
        amount_tokens: i64,
    },
    /// Start a cycle.
    OpenCycle(OpenCycle),
    /// Sweep the tokens of a cycle that has ended.
    Expire {
        /// Whose.
        account_id: AccountId,
        /// Which; another one, or one that still runs, is left alone.
        cycle_id: CycleId,
    },
    /// Say until when the account counts as on its cycle's plan.
    KeepPlan {
        /// Whose.
        account_id: AccountId,
        /// Which cycle; another one is left alone.
        cycle_id: CycleId,
        /// The first instant at which it no longer does; never before the cycle's end.
        plan_until: Timestamp,
    },
    /// End a cycle and its plan now, whatever is left.
    EndCycle {
        /// Whose.
        account_id: AccountId,
        /// Which; another one is left alone.
        cycle_id: CycleId,
    },
    /// Take tokens away again.
    TakeBack(TakeBack),
    /// Undo that.
    GiveBack(GiveBack),
    /// Take permanent tokens away for good, as an operator decides: what is free of them, and never less than that.
    Take {
        /// From whom.
        account_id: AccountId,
        /// The decision; a second one of the same id changes nothing.
        source_id: i64,
        /// How many NeuralBox tokens; above 0.
        amount_tokens: i64,
    },
    /// Give a completed generation's tokens back, as an operator decides. A second time changes nothing.
    RefundCharge {
        /// To whom.
        account_id: AccountId,
        /// Which generation.
        generation_id: GenerationId,
    },
}

impl<Done> Command<Done> {
    /// Whose wallet it touches.
    pub const fn account_id(&self) -> AccountId {
        match self {
            Self::Hold(request) => request.account_id,
            Self::OpenCycle(open) => open.account_id,
            Self::Resolve(ended) => ended.account_id,
            Self::TakeBack(take) => take.account_id,
            Self::GiveBack(give) => give.account_id,
            Self::Grant { account_id, .. }
            | Self::Expire { account_id, .. }
            | Self::KeepPlan { account_id, .. }
            | Self::EndCycle { account_id, .. }
            | Self::Take { account_id, .. }
            | Self::RefundCharge { account_id, .. } => *account_id,
        }
    }

    /// What it does, in a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hold(_) => "hold",
            Self::Resolve(EndedHold { resolution: Resolution::Completed(_), .. }) => "settle",
            Self::Resolve(_) => "release",
            Self::Grant { .. } => "grant",
            Self::OpenCycle(_) => "open_cycle",
            Self::Expire { .. } => "expire",
            Self::KeepPlan { .. } => "keep_plan",
            Self::EndCycle { .. } => "end_cycle",
            Self::TakeBack(_) => "take_back",
            Self::GiveBack(_) => "give_back",
            Self::Take { .. } => "take",
            Self::RefundCharge { .. } => "refund_charge",
        }
    }

    /// Reasons and sources of entries that say whether this, or what it undoes, was done before.
    pub fn sources(&self) -> Vec<(Reason, i64)> {
        match self {
            Self::Grant { grant_id, reason, .. } => vec![(*reason, grant_id.0)],
            Self::OpenCycle(open) => vec![(Reason::Allowance, open.cycle.id.0)],
            Self::TakeBack(take) => vec![(take.reason, take.source_id)],
            Self::GiveBack(give) => vec![(give.reason, give.source_id), (give.taken_as, give.source_id)],
            Self::Take { source_id, .. } => vec![(Reason::Take, *source_id)],
            Self::Hold(_)
            | Self::Resolve(_)
            | Self::Expire { .. }
            | Self::KeepPlan { .. }
            | Self::EndCycle { .. }
            | Self::RefundCharge { .. } => Vec::new(),
        }
    }
}

/// Why a command was not carried out. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The balance does not cover the price.
    #[error("the balance of {available_tokens} tokens does not cover {required_tokens}")]
    InsufficientTokens {
        /// The price.
        required_tokens: i64,
        /// What can be spent now.
        available_tokens: i64,
    },
    /// What is left of the key's budget does not cover the price.
    #[error(
        "the {available_tokens} tokens that are left of the key's monthly budget do not cover {required_tokens}"
    )]
    OverKeyBudget {
        /// The price.
        required_tokens: i64,
        /// What is left of this month's budget.
        available_tokens: i64,
    },
    /// The account has begun as many generations as its plan allows.
    #[error("{} generations were begun, and the plan allows no more for now", .0.limit)]
    RateLimited(RateState),
    /// Another request was made under the same name.
    #[error("another request was made under this name")]
    BoundOtherwise,
    /// There is no such account.
    #[error("no such account")]
    UnknownAccount,
    /// There is no such generation.
    #[error("no such generation")]
    UnknownGeneration,
    /// An amount is not above 0, or too large.
    #[error("an amount must lie in 1..{MAX_AMOUNT_TOKENS}")]
    BadAmount,
    /// The generation was not charged: it runs, or has failed.
    #[error("the generation was not charged")]
    NotCharged,
    /// All that the generation cost were plan tokens of a cycle that is over.
    #[error(
        "the generation cost plan tokens alone, whose cycle is over: they have expired, and do not come back"
    )]
    ChargeExpired,
    /// The bucket is not as it was seen: look again.
    #[error("the account's tokens have moved meanwhile")]
    Moved,
    /// Held tokens that the wallet does not have: the ledger is damaged, and is left as it is.
    #[error("the wallet does not agree with its holds")]
    Inconsistent,
}

/// What became of a hold, now or at an earlier time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Whether it is spent.
    pub is_completed: bool,
    /// Whether this command did it; a repeat changes nothing.
    pub is_first: bool,
    /// Tokens charged: the price, or 0.
    pub tokens_spent: i64,
    /// What the account can spend now.
    pub balance_tokens: i64,
}

/// What came back of a charge, now or at an earlier time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refunded {
    /// NeuralBox tokens that came back, each to its bucket.
    pub split: Split,
    /// Plan tokens that did not, for their cycle was over.
    pub expired_tokens: i64,
    /// Whether this command did it; a repeat changes nothing.
    pub is_first: bool,
}

/// Tokens that were set aside, and how the account stands then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What was taken from each bucket.
    pub split: Split,
    /// What the account can spend besides.
    pub balance_tokens: i64,
    /// What was begun of late, this included.
    pub rate: RateWindows,
}

/// The ledger's answer to a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Tokens are set aside.
    Held(Held),
    /// The same was asked for before under the same name: nothing has changed, and this is what came of it.
    Bound(GenerationId),
    /// A hold has ended.
    Resolved(Resolved),
    /// A charge has gone back.
    Refunded(Refunded),
    /// Nothing more to say: done, or done before.
    Done,
}
