//! What was sold, spent and earned in a time, and what is still owed to the accounts: reckoned from the entries of the
//! ledger, account by account, in whole kopecks that add up.
//!
//! A token is worth what was paid for it: a package's or a cycle's price, divided by its tokens; a gift's is worth nothing.
//! Nothing is rounded by the token: what is left of a price is rounded for the tokens that are left, and what goes is the
//! difference, so that all parts of a price are that price.

mod account;
mod sales;
mod worth;

pub use account::{AccountBooks, AccountReckoning, ChargedGeneration, CycleBooks};
pub use sales::{Margin, Sold, SoldItem};

use super::{Currency, Payment, RefundKind};
use crate::{id::AccountId, ledger::Reason, time::Timestamp};
use sales::Sales;
use std::collections::BTreeMap;

/// Of which time a report is, and what it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTerms {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// What a Telegram Star is worth, in kopecks.
    pub kopecks_per_star: i64,
    /// What a dollar of a vendor's bill costs, in kopecks.
    pub kopecks_per_usd: i64,
}

impl ReportTerms {
    /// What was paid for a payment in all, in kopecks.
    fn price_kopecks(&self, payment: &Payment) -> i64 {
        match payment.amount.currency {
            Currency::Rub => payment.price_minor(),
            Currency::Xtr => payment.price_minor().saturating_mul(self.kopecks_per_star),
        }
    }

    fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Tokens, and what was paid for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many NeuralBox tokens.
    pub tokens: i64,
    /// What was paid for them, in kopecks.
    pub kopecks: i64,
}

impl Flow {
    /// Both sums.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            kopecks: self.kopecks.saturating_add(other.kopecks),
        }
    }

    /// Both differences.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            kopecks: self.kopecks.saturating_sub(other.kopecks),
        }
    }

    fn add(&mut self, other: Self) {
        *self = self.plus(other);
    }
}

/// What became of one kind of tokens: opening, and granted, less the others, is closing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketReport {
    /// What there was when the time began, in holds or not.
    pub opening: Flow,
    /// What was given.
    pub granted: Flow,
    /// What generations have used, less what was given back of it.
    pub spent: Flow,
    /// What ended with its cycle.
    pub expired: Flow,
    /// What was taken back, less what was given back.
    pub adjusted: Flow,
    /// What paid debts.
    pub recovered: Flow,
    /// What there was when the time ended, by the grants and cycles of which it is left.
    pub closing: Flow,
}

impl BucketReport {
    /// What there should be when the time ends.
    pub const fn expected(&self) -> Flow {
        let given = self.opening.plus(self.granted);
        given.minus(self.spent).minus(self.expired).minus(self.adjusted).minus(self.recovered)
    }
}

/// What accounts owe, in NeuralBox tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebtReport {
    /// When the time began.
    pub opening_tokens: i64,
    /// What was added.
    pub incurred_tokens: i64,
    /// What was paid.
    pub recovered_tokens: i64,
}

impl DebtReport {
    /// When the time ended.
    pub const fn closing_tokens(&self) -> i64 {
        self.opening_tokens.saturating_add(self.incurred_tokens).saturating_sub(self.recovered_tokens)
    }
}

/// A place where the books do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportProblem {
    /// Whose; `None` for all of them together.
    pub account_id: Option<AccountId>,
    /// What does not agree.
    pub message: String,
}

/// Problems that a report names, at most.
const MAX_PROBLEMS: usize = 100;

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of which time, and by what.
    pub terms: ReportTerms,
    /// Accounts that were read.
    pub accounts: i64,
    /// Entries that were read.
    pub entries: i64,
    /// Money that came, by what it bought.
    pub sold: BTreeMap<SoldItem, Sold>,
    /// Money that goes back, by why.
    pub refunded: BTreeMap<(RefundKind, Currency), Sold>,
    /// What was given, by why.
    pub granted: BTreeMap<Reason, Flow>,
    /// Plan tokens.
    pub plan: BucketReport,
    /// What of the plan tokens' closing is of cycles whose time is up: nobody can spend it, unless it is in a hold.
    pub ended: Flow,
    /// Permanent tokens.
    pub permanent: BucketReport,
    /// Debts.
    pub debts: DebtReport,
    /// The first hundred disagreements.
    pub problems: Vec<ReportProblem>,
    sales: Sales,
}

impl Report {
    /// A report of nothing yet.
    pub fn new(terms: ReportTerms) -> Self {
        Self {
            terms,
            accounts: 0,
            entries: 0,
            sold: BTreeMap::new(),
            refunded: BTreeMap::new(),
            granted: BTreeMap::new(),
            plan: BucketReport::default(),
            ended: Flow::default(),
            permanent: BucketReport::default(),
            debts: DebtReport::default(),
            problems: Vec::new(),
            sales: Sales::default(),
        }
    }

    /// What each model earned and cost, by slug; their vendor costs are rounded such that they add up to the rounded whole.
    pub fn margins(&self) -> BTreeMap<String, Margin> {
        self.sales.margins(self.terms.kopecks_per_usd)
    }

    /// What all models earned and cost.
    pub fn total_margin(&self) -> Margin {
        self.sales.total(self.terms.kopecks_per_usd)
    }

    /// What accounts have paid for and can still use.
    pub const fn liability(&self) -> Flow {
        self.plan.closing.minus(self.ended).plus(self.permanent.closing)
    }

    /// Compares the sums, when every account is in.
    pub fn check(&mut self) {
        let spent = self.plan.spent.plus(self.permanent.spent);
        let sold = self.total_margin();
        let sums = [
            ("plan tokens", self.plan.closing, self.plan.expected()),
            ("permanent tokens", self.permanent.closing, self.permanent.expected()),
            ("tokens of all models", Flow { tokens: sold.tokens, kopecks: sold.revenue_kopecks }, spent),
        ];
        for (what, found, expected) in sums {
            if found != expected {
                let message = format!("{what}: {found:?}, by their entries {expected:?}");
                self.problem(None, message);
            }
        }
    }

    fn problem(&mut self, account_id: Option<AccountId>, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(ReportProblem { account_id, message });
        }
    }
}
