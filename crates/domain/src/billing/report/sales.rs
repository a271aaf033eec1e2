//! What was sold for money, and what models earned and cost.

use super::{Flow, ReportTerms};
use crate::{
    billing::{Currency, Payment, PaymentKind},
    port::PaymentMethod,
};
use std::collections::BTreeMap;

/// What was sold, and how it was paid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SoldItem {
    /// What kind of thing.
    pub kind: PaymentKind,
    /// The slug of the plan or package.
    pub item: String,
    /// How it was paid.
    pub method: PaymentMethod,
    /// In what.
    pub currency: Currency,
}

impl SoldItem {
    pub(super) fn of(payment: &Payment) -> Self {
        Self {
            kind: payment.kind,
            item: payment.item.clone(),
            method: payment.method,
            currency: payment.amount.currency,
        }
    }
}

/// How often, and for how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sold {
    /// How often.
    pub count: i64,
    /// How much in all, in the smallest unit of the currency.
    pub amount_minor: i64,
}

impl Sold {
    pub(super) fn add(&mut self, amount_minor: i64) {
        self.count = self.count.saturating_add(1);
        self.amount_minor = self.amount_minor.saturating_add(amount_minor);
    }
}

/// What a model earned and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// Generations that were charged.
    pub generations: i64,
    /// Those of them whose vendor's price is not known.
    pub without_cost: i64,
    /// NeuralBox tokens that they were charged.
    pub tokens: i64,
    /// What was paid for those tokens, in kopecks.
    pub revenue_kopecks: i64,
    /// What vendors charge, as far as it is known, in micro-dollars.
    pub cost_micro_usd: i64,
    /// The same in kopecks.
    pub cost_kopecks: i64,
}

impl Margin {
    /// What is left, in kopecks.
    pub const fn margin_kopecks(&self) -> i64 {
        self.revenue_kopecks.saturating_sub(self.cost_kopecks)
    }
}

/// Charges by model.
#[derive(Clone, Debug, Default)]
pub(super) struct Sales {
    by_model: BTreeMap<String, Margin>,
}

impl Sales {
    /// A charge of a generation, in whole or the part of it that one bucket paid.
    pub(super) fn charge(&mut self, model_slug: &str, flow: Flow) {
        let model = self.model(model_slug);
        model.tokens = model.tokens.saturating_add(flow.tokens);
        model.revenue_kopecks = model.revenue_kopecks.saturating_add(flow.kopecks);
    }

    /// A generation, once.
    pub(super) fn generation(&mut self, model_slug: &str, cost_micro_usd: Option<i64>) {
        let model = self.model(model_slug);
        model.generations = model.generations.saturating_add(1);
        match cost_micro_usd {
            Some(cost) => model.cost_micro_usd = model.cost_micro_usd.saturating_add(cost),
            None => model.without_cost = model.without_cost.saturating_add(1),
        }
    }

    fn model(&mut self, slug: &str) -> &mut Margin {
        self.by_model.entry(slug.to_owned()).or_default()
    }

    /// Each model's, with vendor costs in kopecks: of the sum up to each, rounded down, the difference.
    pub(super) fn margins(&self, kopecks_per_usd: i64) -> BTreeMap<String, Margin> {
        let (mut micro_usd, mut kopecks) = (0_i64, 0_i64);
        let with_cost = self.by_model.iter().map(|(slug, margin)| {
            micro_usd = micro_usd.saturating_add(margin.cost_micro_usd);
            let before = kopecks;
            kopecks = in_kopecks(micro_usd, kopecks_per_usd);
            (slug.clone(), Margin { cost_kopecks: kopecks.saturating_sub(before), ..*margin })
        });
        with_cost.collect()
    }

    pub(super) fn total(&self, kopecks_per_usd: i64) -> Margin {
        let mut total = Margin::default();
        for margin in self.by_model.values() {
            total.generations = total.generations.saturating_add(margin.generations);
            total.without_cost = total.without_cost.saturating_add(margin.without_cost);
            total.tokens = total.tokens.saturating_add(margin.tokens);
            total.revenue_kopecks = total.revenue_kopecks.saturating_add(margin.revenue_kopecks);
            total.cost_micro_usd = total.cost_micro_usd.saturating_add(margin.cost_micro_usd);
        }
        Margin { cost_kopecks: in_kopecks(total.cost_micro_usd, kopecks_per_usd), ..total }
    }
}

/// Micro-dollars in whole kopecks, rounded down.
fn in_kopecks(micro_usd: i64, kopecks_per_usd: i64) -> i64 {
    let kopecks = i128::from(micro_usd).saturating_mul(i128::from(kopecks_per_usd)).div_euclid(1_000_000);
    i64::try_from(kopecks).unwrap_or(i64::MAX)
}

impl ReportTerms {
    /// Whether the money of a payment came in this time; what became of it later is another matter.
    pub(super) fn is_sold(&self, payment: &Payment) -> bool {
        payment.paid_at.is_some_and(|paid_at| self.contains(paid_at))
    }
}
