//! The registry against the catalog, both ways.

use domain::catalog::{Catalog, Category, Sources};
use providers::{ADAPTERS, vendors};

#[test]
fn every_adapter_is_sold_and_every_text_model_has_its_adapter() {
    let catalog = Catalog::parse(&Sources::default()).unwrap();
    for vendor in vendors() {
        assert!(catalog.models().iter().any(|model| model.vendor == vendor), "nothing is sold of {vendor}");
    }
    for model in catalog.models().iter().filter(|model| model.category == Category::Text) {
        let adapter = ADAPTERS.iter().find(|adapter| adapter.vendor() == model.vendor);
        let is_served = adapter.is_some_and(|adapter| adapter.serves(Category::Text));
        assert!(is_served, "{} has no adapter", model.slug);
    }
}
