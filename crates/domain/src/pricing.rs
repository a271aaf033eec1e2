//! Where a price is decided. The quote, the list of models and the charge all come from [`quote`].

use crate::{catalog::Model, params::Params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Generations that one quote may count.
pub const MAX_COUNT: i64 = 100;

/// How a model's price follows from its parameters.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pricing {
    /// One price.
    Fixed {
        /// NeuralBox tokens.
        token_cost: i64,
    },
    /// A price for each `quality` and `size`.
    Matrix {
        /// NeuralBox tokens by quality, then size.
        cells: BTreeMap<String, BTreeMap<String, i64>>,
    },
    /// A price for each second of `duration`.
    PerSecond {
        /// Thousandths of a NeuralBox token a second.
        milli_tokens_per_second: i64,
    },
    /// A price for the vendor's points.
    PerPoint {
        /// Points of one generation.
        points: i64,
        /// Thousandths of a NeuralBox token a point.
        milli_tokens_per_point: i64,
    },
}

/// A [`Pricing`]'s name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PricingType {
    /// One price.
    Fixed,
    /// By quality and size.
    Matrix,
    /// By duration.
    PerSecond,
    /// By the vendor's points.
    PerPoint,
}

impl PricingType {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Matrix => "matrix",
            Self::PerSecond => "per_second",
            Self::PerPoint => "per_point",
        }
    }
}

impl Pricing {
    /// Its name in the API.
    pub const fn pricing_type(&self) -> PricingType {
        match self {
            Self::Fixed { .. } => PricingType::Fixed,
            Self::Matrix { .. } => PricingType::Matrix,
            Self::PerSecond { .. } => PricingType::PerSecond,
            Self::PerPoint { .. } => PricingType::PerPoint,
        }
    }

    /// The price of one generation in NeuralBox tokens; `None` when the catalog gives these parameters no price,
    /// which its checks at the start rule out.
    pub fn price_tokens(&self, params: &Params) -> Option<i64> {
        match self {
            Self::Fixed { token_cost } => Some(*token_cost),
            Self::Matrix { cells } => cells.get(params.text("quality")?)?.get(params.text("size")?).copied(),
            Self::PerSecond { milli_tokens_per_second } => {
                whole_tokens(*milli_tokens_per_second, params.integer("duration")?)
            }
            Self::PerPoint { points, milli_tokens_per_point } => {
                whole_tokens(*milli_tokens_per_point, *points)
            }
        }
    }
}

/// `milli_tokens` a unit for `units`, rounded up to whole tokens.
fn whole_tokens(milli_tokens: i64, units: i64) -> Option<i64> {
    milli_tokens.checked_mul(units)?.checked_add(999)?.checked_div(1_000)
}

/// What a generation costs, in NeuralBox tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The price of `count` generations with the parameters given.
    pub token_cost: i64,
    /// The least that one generation of this model can cost.
    pub min_token_cost: i64,
    /// The most that one generation of this model can cost.
    pub max_token_cost: i64,
    /// How the price is found.
    pub pricing_type: PricingType,
}

/// The price of `count` generations: the one place where a price is decided. `None` when the catalog has no
/// price for these parameters or the product overflows, which its checks at the start rule out.
pub fn quote(model: &Model, params: &Params, count: i64) -> Option<Quote> {
    Some(Quote {
        token_cost: model.pricing.price_tokens(params)?.checked_mul(count)?,
        min_token_cost: model.min_token_cost,
        max_token_cost: model.max_token_cost,
        pricing_type: model.pricing.pricing_type(),
    })
}
