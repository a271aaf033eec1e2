//! An account's tokens, and what may be done with them.

use super::{Bucket, RateWindows};
use crate::{
    id::{AccountId, CycleId},
    time::Timestamp,
};

/// A plan's cycle: its tokens can be spent from its start to just before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Which.
    pub id: CycleId,
    /// The plan's slug.
    pub plan: String,
    /// Its first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
    /// The first instant at which the account no longer counts as on the plan: the cycle's end, or later where a renewal
    /// that failed is given time.
    pub plan_until: Timestamp,
}

/// How an amount was taken from the two buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Plan tokens.
    pub plan_tokens: i64,
    /// Permanent tokens.
    pub permanent_tokens: i64,
}

/// An account's tokens. No number in it is ever below 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// Whose.
    pub account_id: AccountId,
    /// Plan tokens that no hold has taken; spendable only while the cycle runs.
    pub plan_available: i64,
    /// Permanent tokens that no hold has taken.
    pub permanent_available: i64,
    /// Plan tokens in open holds, of this cycle or an earlier one.
    pub plan_held: i64,
    /// Permanent tokens in open holds.
    pub permanent_held: i64,
    /// Tokens that will be taken from what is given next.
    pub owed_tokens: i64,
    /// The latest cycle, until it is swept.
    pub cycle: Option<Cycle>,
    /// What was begun of late.
    pub rate: RateWindows,
    /// Whether somebody hears what becomes of its generations.
    pub listens: bool,
    /// Whether its person was erased: it takes no more holds.
    pub is_closed: bool,
}

impl Wallet {
    /// A wallet without tokens.
    pub fn empty(account_id: AccountId) -> Self {
        Self {
            account_id,
            plan_available: 0,
            permanent_available: 0,
            plan_held: 0,
            permanent_held: 0,
            owed_tokens: 0,
            cycle: None,
            rate: RateWindows::default(),
            listens: false,
            is_closed: false,
        }
    }

    /// The cycle that runs at `now`, if one does.
    pub fn running_cycle(&self, now: Timestamp) -> Option<&Cycle> {
        self.cycle.as_ref().filter(|cycle| now < cycle.ends_at)
    }

    /// The plan in force at `now`, where it is not the free one.
    pub fn plan(&self, now: Timestamp) -> Option<&str> {
        self.cycle.as_ref().filter(|cycle| now < cycle.plan_until).map(|cycle| cycle.plan.as_str())
    }

    /// Plan tokens that can be spent at `now`: none from the instant the cycle ends, swept or not.
    pub fn spendable_plan_tokens(&self, now: Timestamp) -> i64 {
        self.running_cycle(now).map_or(0, |_| self.plan_available)
    }

    /// What a bucket has, available and in holds. Nothing is left of a cycle that another has followed.
    pub fn seen(&self, bucket: Bucket) -> (i64, i64) {
        match bucket {
            Bucket::Permanent => (self.permanent_available, self.permanent_held),
            Bucket::Plan(id) if self.cycle.as_ref().is_some_and(|cycle| cycle.id == id) => {
                (self.plan_available, self.plan_held)
            }
            Bucket::Plan(_) => (0, 0),
        }
    }

    /// All tokens that can be spent at `now`.
    pub fn spendable_tokens(&self, now: Timestamp) -> i64 {
        self.spendable_plan_tokens(now).saturating_add(self.permanent_available)
    }

    /// How `price_tokens` would be taken at `now`: plan tokens first, then permanent ones. `None` when they do not
    /// cover it.
    pub fn split(&self, price_tokens: i64, now: Timestamp) -> Option<Split> {
        let plan_tokens = self.spendable_plan_tokens(now).min(price_tokens);
        let permanent_tokens = price_tokens.checked_sub(plan_tokens)?;
        (permanent_tokens <= self.permanent_available).then_some(Split { plan_tokens, permanent_tokens })
    }

    /// Moves `split` from available to held. `None` when a number would leave its range; nothing has changed then.
    #[must_use]
    pub fn hold(&self, split: Split) -> Option<Self> {
        Some(Self {
            plan_available: below(self.plan_available, split.plan_tokens)?,
            permanent_available: below(self.permanent_available, split.permanent_tokens)?,
            plan_held: self.plan_held.checked_add(split.plan_tokens)?,
            permanent_held: self.permanent_held.checked_add(split.permanent_tokens)?,
            ..self.clone()
        })
    }

    /// Takes `split` out of the held tokens for good. `None` as in [`Self::hold`].
    #[must_use]
    pub fn capture(&self, split: Split) -> Option<Self> {
        Some(Self {
            plan_held: below(self.plan_held, split.plan_tokens)?,
            permanent_held: below(self.permanent_held, split.permanent_tokens)?,
            ..self.clone()
        })
    }

    /// Gives a hold's `split` back to the buckets it came from. Plan tokens of a cycle that has ended stay ended: how
    /// many did is the second value. `None` as in [`Self::hold`].
    #[must_use]
    pub fn release(&self, split: Split, from: Option<CycleId>, now: Timestamp) -> Option<(Self, i64)> {
        let cycle_runs = self.running_cycle(now).is_some_and(|cycle| Some(cycle.id) == from);
        let (returned, ended) = if cycle_runs { (split.plan_tokens, 0) } else { (0, split.plan_tokens) };
        let captured = self.capture(split)?;
        let wallet = Self {
            plan_available: captured.plan_available.checked_add(returned)?,
            permanent_available: captured.permanent_available.checked_add(split.permanent_tokens)?,
            ..captured
        };
        Some((wallet, ended))
    }
}

/// `from - amount`, as long as neither is negative before or after.
fn below(from: i64, amount: i64) -> Option<i64> {
    from.checked_sub(amount).filter(|rest| amount >= 0 && *rest >= 0)
}
