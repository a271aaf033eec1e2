//! The catalog: every model that is sold, and the plans and packages that pay for them. The data stand in
//! `crates/domain/catalog/*.toml`; an operator can replace each file.

mod model;
mod parse;
mod read;
mod vendor_price;
mod worst_case;

pub use model::{Availability, BadLimit, Category, Limits, Mode, Model, Upstream};
pub use parse::CatalogError;
pub use read::Purpose;
pub use vendor_price::{Measured, VendorPrice};
pub use worst_case::{Remedy, WorstCase};

use crate::plan::{FREE_PLAN, Package, Plan};

const MODELS_TOML: &str = include_str!("../catalog/models.toml");
const PLANS_TOML: &str = include_str!("../catalog/plans.toml");
const PACKAGES_TOML: &str = include_str!("../catalog/packages.toml");

/// The text of the three catalog files.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Models, as `catalog/models.toml`.
    pub models: &'a str,
    /// Plans, lowest first, as `catalog/plans.toml`.
    pub plans: &'a str,
    /// Packages, as `catalog/packages.toml`.
    pub packages: &'a str,
}

impl Default for Sources<'_> {
    fn default() -> Self {
        Self { models: MODELS_TOML, plans: PLANS_TOML, packages: PACKAGES_TOML }
    }
}

/// All that is sold. Made once at the start and never changed.
#[derive(Clone, Debug)]
pub struct Catalog {
    models: Vec<Model>,
    plans: Vec<Plan>,
    packages: Vec<Package>,
    token_value_micro_usd: i64,
    kopecks_per_usd: i64,
}

impl Catalog {
    /// Reads and checks the three files.
    ///
    /// # Errors
    /// Names the file, the row and the field of the first mistake.
    pub fn parse(sources: &Sources<'_>) -> Result<Self, CatalogError> {
        parse::catalog(sources)
    }

    /// Every model, in the catalog's order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of that slug.
    pub fn model(&self, slug: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.slug == slug)
    }

    /// The model of that slug, to be changed by configuration at the start.
    pub fn model_mut(&mut self, slug: &str) -> Option<&mut Model> {
        self.models.iter_mut().find(|model| model.slug == slug)
    }

    /// Every plan, lowest first.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The plan of that slug.
    pub fn plan(&self, slug: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.slug == slug)
    }

    /// Whether an account on `plan` may use what needs `min_plan`. An unknown plan counts as the free one.
    pub fn plan_covers(&self, plan: &str, min_plan: &str) -> bool {
        let rank = |slug: &str| self.plans.iter().position(|plan| plan.slug == slug);
        let free = rank(FREE_PLAN).unwrap_or_default();
        rank(min_plan).is_none_or(|needed| rank(plan).unwrap_or(free) >= needed)
    }

    /// The lowest plan on which API keys work.
    pub fn lowest_plan_with_api(&self) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.api_access)
    }

    /// Every package, in the catalog's order.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// What one NeuralBox token earns at least, in micro-dollars: what a model's worst case is held against.
    pub fn token_value_micro_usd(&self) -> i64 {
        self.token_value_micro_usd
    }

    /// What a dollar of a vendor's bill costs, in kopecks.
    pub fn kopecks_per_usd(&self) -> i64 {
        self.kopecks_per_usd
    }
}
