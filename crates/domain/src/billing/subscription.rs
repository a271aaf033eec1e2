//! A subscription, and what is to be done about it when.

use super::{CycleWindow, Money, Payment, RenewalRules, cycle_index_at, cycle_window};
use crate::{
    id::{AccountId, CycleId, PaymentId, SubscriptionId},
    port::PaymentMethod,
    time::Timestamp,
};

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionStatus {
    /// Its cycle is paid.
    Active,
    /// The charge for its next cycle was declined.
    PastDue,
    /// It is over.
    Ended,
}

impl SubscriptionStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::PastDue, Self::Ended];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Ended => "ended",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Why a subscription is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// Its owner wanted it so.
    Canceled,
    /// A higher plan took its place.
    Replaced,
    /// It was not paid.
    Unpaid,
    /// Its money went back.
    Refunded,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Canceled, Self::Replaced, Self::Unpaid, Self::Refunded];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Replaced => "replaced",
            Self::Unpaid => "unpaid",
            Self::Refunded => "refunded",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A subscription. An account has at most one that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub id: SubscriptionId,
    /// Counts its changes; each is made only to the version that was seen.
    pub version: i64,
    /// The slug of its plan.
    pub plan: String,
    /// How it is paid.
    pub method: PaymentMethod,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// Why it is over.
    pub end_reason: Option<EndReason>,
    /// The instant that its cycles are reckoned from.
    pub anchor: Timestamp,
    /// The cycle that was opened last, from 0.
    pub cycle_index: i64,
    /// Its id.
    pub cycle_id: CycleId,
    /// Its time.
    pub window: CycleWindow,
    /// What was paid for it in all.
    pub price: Money,
    /// The payment for it.
    pub payment_id: PaymentId,
    /// By what renewals are charged.
    pub saved_method_id: Option<String>,
    /// Whether that has been refused for good.
    pub is_method_gone: bool,
    /// The service's id of who pays.
    pub payer_id: Option<String>,
    /// Where fiscal receipts go.
    pub receipt_email: Option<String>,
    /// Whether it ends with the cycle.
    pub cancel_at_end: bool,
    /// The slug of the plan from the next cycle on, where that is another; or, when the next cycle has been charged at another
    /// plan's price, from the one after it.
    pub next_plan: Option<String>,
    /// Charges for the next cycle that were declined.
    pub declines: i64,
    /// The payment for the next cycle: under way, or paid ahead.
    pub renewal_payment_id: Option<PaymentId>,
    /// Why a person must look at it; nothing is charged meanwhile.
    pub attention: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is to be looked at next; `None` when it is over.
    pub due_at: Option<Timestamp>,
}

/// What is to be done about a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before that instant.
    Wait(Timestamp),
    /// Charge this cycle of it.
    Charge {
        /// Which.
        cycle_index: i64,
    },
    /// End it.
    End(EndReason),
}

impl Subscription {
    /// One that begins with the cycle that `payment` has bought. `None` for a payment that is for no subscription.
    pub fn begin(
        payment: &Payment,
        anchor: Timestamp,
        window: CycleWindow,
        created_at: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            account_id: payment.account_id,
            id: payment.subscription_id?,
            version: 0,
            plan: payment.item.clone(),
            method: payment.method,
            status: SubscriptionStatus::Active,
            end_reason: None,
            anchor,
            cycle_index: 0,
            cycle_id: payment.cycle_id?,
            window,
            price: Money { currency: payment.amount.currency, amount_minor: payment.price_minor() },
            payment_id: payment.id,
            saved_method_id: payment.saved_method_id.clone(),
            is_method_gone: payment.method == PaymentMethod::Yookassa && payment.saved_method_id.is_none(),
            payer_id: payment.payer_id.clone(),
            receipt_email: payment.receipt_email.clone(),
            cancel_at_end: false,
            next_plan: None,
            declines: 0,
            renewal_payment_id: None,
            attention: None,
            created_at,
            due_at: None,
        })
    }

    /// Whether it has not ended.
    pub fn is_live(&self) -> bool {
        self.status != SubscriptionStatus::Ended
    }

    /// What is to be done at `now`, as long as no payment for the next cycle is under way or paid ahead.
    pub fn step(&self, rules: &RenewalRules, now: Timestamp) -> Step {
        let ends_at = self.window.ends_at;
        if self.cancel_at_end {
            return end_at(ends_at, EndReason::Canceled, now);
        }
        if self.method == PaymentMethod::TelegramStars {
            return end_at(ends_at.plus_ms(rules.stars_grace_ms), EndReason::Unpaid, now);
        }
        let kept_until = ends_at.plus_ms(rules.grace_ms);
        let charge_at = rules.charge_at(ends_at, self.declines).filter(|_| !self.is_method_gone);
        match charge_at {
            // The first charge is made however late it has become; further ones only as long as the plan is kept.
            Some(at) if self.declines == 0 || at.max(now) < kept_until => {
                let next = self.cycle_index.saturating_add(1);
                // Cycles that passed while nobody looked are not charged.
                let running = cycle_index_at(self.anchor, now).unwrap_or(next);
                if now < at { Step::Wait(at) } else { Step::Charge { cycle_index: next.max(running) } }
            }
            _ => end_at(kept_until, EndReason::Unpaid, now),
        }
    }

    /// Until when the account counts as on the plan, by this cycle alone.
    pub fn plan_until(&self, rules: &RenewalRules) -> Timestamp {
        let grace_ms = match self.method {
            PaymentMethod::TelegramStars => rules.stars_grace_ms,
            PaymentMethod::Yookassa => rules.grace_ms,
        };
        self.window.ends_at.plus_ms(if self.cancel_at_end { 0 } else { grace_ms })
    }

    /// The time of a cycle that we charge ourselves.
    pub fn window_of(&self, cycle_index: i64) -> Option<CycleWindow> {
        cycle_window(self.anchor, cycle_index)
    }
}

fn end_at(at: Timestamp, reason: EndReason, now: Timestamp) -> Step {
    if now < at { Step::Wait(at) } else { Step::End(reason) }
}
