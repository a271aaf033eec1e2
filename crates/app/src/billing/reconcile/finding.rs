//! What comparing finds.

use domain::{
    billing::{Payment, Refund},
    id::{AccountId, PaymentId, RefundId},
    port::{GatewayPayment, PaymentMethod},
    time::Timestamp,
};

/// What came of comparing services' books with ours.
#[derive(Clone, Debug)]
pub struct Reconciliation {
    /// The first instant of the time that was compared.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// The services that are configured.
    pub books: Vec<Books>,
    /// Where the books do not agree.
    pub findings: Vec<Finding>,
}

/// A service's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// Whose.
    pub method: PaymentMethod,
    /// How many payments and refunds they have; `None` when they could not be read, or not to their end.
    pub records: Option<usize>,
}

impl Reconciliation {
    /// Whether all books were read, and they agree, or do now.
    pub fn is_settled(&self) -> bool {
        let is_read = self.is_read();
        is_read && self.findings.iter().all(|finding| finding.outcome == Outcome::Done)
    }

    /// Whether all books were read.
    pub fn is_read(&self) -> bool {
        self.books.iter().all(|books| books.records.is_some())
    }
}

/// One thing that the books do not agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// At which service.
    pub method: PaymentMethod,
    /// What it is.
    pub kind: FindingKind,
    /// Whose it is, where that is known.
    pub account_id: Option<AccountId>,
    /// Our payment, where there is one.
    pub payment_id: Option<PaymentId>,
    /// Our refund, where it is about one.
    pub refund_id: Option<RefundId>,
    /// The service's id of the payment.
    pub gateway_id: Option<String>,
    /// What each side says, in words.
    pub text: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What the books do not agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// The service knows how a payment ended, and we do not. It is taken over.
    Ended,
    /// The service has an order of ours that our books have lost. It is taken in.
    Lost,
    /// Telegram was paid for one of our orders once more. It is taken in.
    Further,
    /// Money has gone back, and ours does not say so. It is taken over, and the tokens go with it.
    Refunded,
    /// As [`Self::Lost`], and it does not fit our books: for a person.
    NotAdoptable,
    /// The service was paid twice for one order: for a person.
    PaidTwice,
    /// We have a payment as paid, and the service has not: for a person.
    NotPaid,
    /// The amounts differ: for a person.
    OtherAmount,
    /// We have a refund as made, and the service has not: for a person.
    NotRefunded,
    /// The service has made a refund that we have as failed, or before what was paid is entered: for a person.
    RefundedAfterAll,
}

impl FindingKind {
    /// Its name in output and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Lost => "lost",
            Self::Further => "further",
            Self::Refunded => "refunded",
            Self::NotAdoptable => "not_adoptable",
            Self::PaidTwice => "paid_twice",
            Self::NotPaid => "not_paid",
            Self::OtherAmount => "other_amount",
            Self::NotRefunded => "not_refunded",
            Self::RefundedAfterAll => "refunded_after_all",
        }
    }

    /// What is done about it; `None` where a person must decide.
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Ended => Some("take over what the service says"),
            Self::Lost => Some("take the payment in"),
            Self::Further => Some("take the payment in as a further one of its order"),
            Self::Refunded => Some("take the refund over, and the tokens back"),
            Self::NotAdoptable
            | Self::PaidTwice
            | Self::NotPaid
            | Self::OtherAmount
            | Self::NotRefunded
            | Self::RefundedAfterAll => None,
        }
    }
}

/// What came of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// It has been put right.
    Done,
    /// It could not be put right now.
    Failed(String),
}

/// A finding about a payment of ours.
pub(super) fn of_payment(kind: FindingKind, payment: &Payment, text: String) -> Finding {
    Finding {
        method: payment.method,
        kind,
        account_id: Some(payment.account_id),
        payment_id: Some(payment.id),
        refund_id: None,
        gateway_id: payment.gateway_id.clone(),
        text,
        outcome: Outcome::Open,
    }
}

/// A finding about a refund of ours.
pub(super) fn of_refund(kind: FindingKind, refund: &Refund, payment: &Payment, text: String) -> Finding {
    Finding { refund_id: Some(refund.id), ..of_payment(kind, payment, text) }
}

/// A finding about a payment that only the service has.
pub(super) fn of_unknown(
    kind: FindingKind,
    method: PaymentMethod,
    account_id: AccountId,
    found: &GatewayPayment,
    text: String,
) -> Finding {
    Finding {
        method,
        kind,
        account_id: Some(account_id),
        payment_id: None,
        refund_id: None,
        gateway_id: found.gateway_id.clone(),
        text,
        outcome: Outcome::Open,
    }
}
