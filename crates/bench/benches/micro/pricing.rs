//! From a request's parameters to its price.

use divan::{Bencher, black_box};
use domain::{
    catalog::{Catalog, Purpose, Sources},
    pricing,
};
use serde_json::{Value, json};

/// One of each way of pricing.
fn requests() -> [(&'static str, Value); 3] {
    [
        ("deepseek-v3", json!({ "prompt": "Why is the sea salt?" })),
        ("dall-e-3", json!({ "prompt": "A boat", "quality": "standard", "size": "1024x1792" })),
        ("luma-ray2-flash", json!({ "prompt": "A boat" })),
    ]
}

#[divan::bench(args = [0, 1, 2])]
fn read_and_quote(bencher: Bencher<'_, '_>, number: usize) {
    let catalog = Catalog::parse(&Sources::default()).expect("a catalog");
    let (slug, params) = &requests()[number];
    let params = params.as_object().expect("an object");
    bencher.bench_local(|| {
        let model = catalog.model(black_box(slug)).expect("a model");
        let read = model.read_params(black_box(params), Purpose::Generate).expect("right parameters");
        pricing::quote(model, &read, 1).expect("a price")
    });
}

#[divan::bench]
fn parse_the_catalog() -> Catalog {
    Catalog::parse(&Sources::default()).expect("a catalog")
}
