//! A payment as our books have it.

use super::Money;
use crate::{
    id::{AccountId, CycleId, PaymentId, SubscriptionId},
    port::{Decline, PaymentMethod},
    time::Timestamp,
};

/// What a payment buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentKind {
    /// The first cycle of a subscription, perhaps in place of another.
    Subscription,
    /// A further cycle.
    Renewal,
    /// A package.
    Package,
}

impl PaymentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Subscription, Self::Renewal, Self::Package];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Renewal => "renewal",
            Self::Package => "package",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How far a payment is. Each step is on disk before the next is begun, and each may be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentStatus {
    /// Written down; the service may or may not know of it.
    New,
    /// The service has it, and nobody knows yet how it ends.
    Pending,
    /// The money is ours; what it buys is not decided on yet.
    Paid,
    /// It is decided what it buys; the ledger may or may not know of it.
    Applying,
    /// What it bought is in the ledger.
    Succeeded,
    /// There was no money, and there will be none.
    Canceled,
    /// Money came for something that could not be had any more, and goes back whole.
    Returned,
}

impl PaymentStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Pending,
        Self::Paid,
        Self::Applying,
        Self::Succeeded,
        Self::Canceled,
        Self::Returned,
    ];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Applying => "applying",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
            Self::Returned => "returned",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Its name in the API, which does not tell what is between us and the service, or us and the ledger.
    pub const fn public_name(self) -> &'static str {
        match self {
            Self::New | Self::Pending => "pending",
            Self::Paid | Self::Applying | Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
            Self::Returned => "refunded",
        }
    }
}

/// Plan tokens that are set aside when a higher plan is ordered, and pay a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeIn {
    /// The cycle whose they are.
    pub cycle_id: CycleId,
    /// How many NeuralBox tokens; may be 0.
    pub tokens: i64,
    /// What the plan's bucket held when this was decided, available and in holds.
    pub seen: (i64, i64),
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub id: PaymentId,
    /// Counts its changes; each is made only to the version that was seen.
    pub version: i64,
    /// What it buys.
    pub kind: PaymentKind,
    /// The slug of the plan or package.
    pub item: String,
    /// NeuralBox tokens that come with it.
    pub tokens: i64,
    /// How it is paid.
    pub method: PaymentMethod,
    /// How far it is.
    pub status: PaymentStatus,
    /// What is to be paid.
    pub amount: Money,
    /// What an earlier plan was worth, in the smallest unit of the amount's currency: already off the amount.
    pub credit_minor: i64,
    /// How much of the amount has gone back, or is about to.
    pub refunded_minor: i64,
    /// What the service knows it by: random, never used twice.
    pub reference: String,
    /// The service's own id of it.
    pub gateway_id: Option<String>,
    /// Where the payer confirms it.
    pub confirmation_url: Option<String>,
    /// Where the payer goes then.
    pub return_url: Option<String>,
    /// Where the fiscal receipt goes.
    pub receipt_email: Option<String>,
    /// By what it is charged without the payer; after success, by what further ones can be.
    pub saved_method_id: Option<String>,
    /// The service's id of who paid.
    pub payer_id: Option<String>,
    /// Where the service sets the period: the instant to which it is paid.
    pub paid_until: Option<Timestamp>,
    /// The subscription that it starts or renews.
    pub subscription_id: Option<SubscriptionId>,
    /// Which cycle of it.
    pub cycle_index: Option<i64>,
    /// The id of that cycle: minted with the payment, so that it is opened once.
    pub cycle_id: Option<CycleId>,
    /// The subscription that ends when this one starts, as it was when it was ordered: its id and its cycle.
    pub replaces: Option<(SubscriptionId, CycleId)>,
    /// What was set aside for it.
    pub trade_in: Option<TradeIn>,
    /// Why there was no money.
    pub decline: Option<Decline>,
    /// Why a person must look at it; nothing is done about it meanwhile.
    pub attention: Option<String>,
    /// How often the service was asked, without an end.
    pub checks: i64,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it was known that the money is ours.
    pub paid_at: Option<Timestamp>,
    /// When it is to be looked at next; `None` when it has come to its end.
    pub due_at: Option<Timestamp>,
}

/// What is bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Of what kind.
    pub kind: PaymentKind,
    /// The slug of the plan or package.
    pub item: String,
    /// NeuralBox tokens that come with it.
    pub tokens: i64,
}

impl Payment {
    /// A payment that is ordered at `created_at` and of which nothing more is known.
    pub fn new(
        account_id: AccountId,
        id: PaymentId,
        purchase: Purchase,
        method: PaymentMethod,
        amount: Money,
        reference: String,
        created_at: Timestamp,
    ) -> Self {
        let Purchase { kind, item, tokens } = purchase;
        Self {
            account_id,
            id,
            version: 0,
            kind,
            item,
            tokens,
            method,
            status: PaymentStatus::New,
            amount,
            credit_minor: 0,
            refunded_minor: 0,
            reference,
            gateway_id: None,
            confirmation_url: None,
            return_url: None,
            receipt_email: None,
            saved_method_id: None,
            payer_id: None,
            paid_until: None,
            subscription_id: None,
            cycle_index: None,
            cycle_id: None,
            replaces: None,
            trade_in: None,
            decline: None,
            attention: None,
            checks: 0,
            created_at,
            paid_at: None,
            due_at: None,
        }
    }

    /// What was paid in all, in the smallest unit: money, and the worth of an earlier plan.
    pub const fn price_minor(&self) -> i64 {
        self.amount.amount_minor.saturating_add(self.credit_minor)
    }

    /// Money of it that has not gone back.
    pub const fn rest(&self) -> Money {
        Money {
            currency: self.amount.currency,
            amount_minor: self.amount.amount_minor.saturating_sub(self.refunded_minor),
        }
    }

    /// Whether anything may still come of it.
    pub const fn is_open(&self) -> bool {
        matches!(self.status, PaymentStatus::New | PaymentStatus::Pending)
    }
}
