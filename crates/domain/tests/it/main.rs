//! What the domain promises, seen from outside: one binary, a module for each subject.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers in tests are small, and a debug build checks them"
)]

mod billing;
mod catalog;
mod catalog_mistakes;
mod ledger;
mod messages;
mod milli;
mod odd_params;
mod params;
mod pricing;
mod time;
mod vendor_prices;

use domain::catalog::{Catalog, Model, Sources};
use proptest::test_runner::Config as ProptestConfig;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse(&Sources::default()).unwrap());

fn model(slug: &str) -> &'static Model {
    CATALOG.model(slug).unwrap()
}

/// So many cases, or more if the environment asks for more.
fn at_least(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(cases), ..config }
}

/// A request's parameters, written with `json!`.
fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
