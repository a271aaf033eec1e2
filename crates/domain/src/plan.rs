//! Plans and packages: what people buy. The data stand in `catalog/plans.toml` and `catalog/packages.toml`.

use serde::{Deserialize, Serialize};

/// The plan of an account that has no running cycle.
pub const FREE_PLAN: &str = "free";

/// A subscription plan.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name in the API.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// NeuralBox tokens credited at the start of each cycle, or once at registration when not `recurring`.
    pub tokens: i64,
    /// Whether the tokens come again each cycle, and end with it.
    pub recurring: bool,
    /// Price of a cycle in whole units of `currency`.
    pub price: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Accepted generations an hour; 0 is unlimited.
    pub rate_limit_hourly: i64,
    /// Accepted generations a day; 0 is unlimited.
    pub rate_limit_daily: i64,
    /// Whether API keys work on this plan.
    pub api_access: bool,
    /// Days for which results are kept; for ever where it is not said.
    #[serde(skip_serializing)]
    pub retention_days: Option<u32>,
}

/// A package of permanent tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name in the API.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// NeuralBox tokens, which never expire.
    pub tokens: i64,
    /// Price in whole units of `currency`.
    pub price: i64,
    /// ISO 4217 code.
    pub currency: String,
}
