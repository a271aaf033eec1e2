//! Every price of every model, through the one function that decides it.

use crate::{CATALOG, model, object};
use domain::{
    catalog::Purpose,
    pricing::{Pricing, PricingType, Quote, quote},
};
use serde_json::{Value, json};

fn quoted(slug: &str, params: &Value, count: i64) -> Quote {
    let model = model(slug);
    let params = model.read_params(object(params), Purpose::Quote).unwrap();
    quote(model, &params, count).unwrap()
}

/// The price of one generation, and of several: a count multiplies the rounded price.
fn check(slug: &str, params: &Value, tokens: i64) {
    for count in [1, 7, 100] {
        assert_eq!(quoted(slug, params, count).token_cost, tokens * count, "{count} {slug} {params}");
    }
}

#[test]
fn matrices() {
    let dall_e = [("standard", [5, 9, 9]), ("hd", [9, 13, 13])];
    let gpt_image = [("low", [1, 2, 2]), ("medium", [4, 6, 6]), ("high", [14, 21, 21])];
    for (quality, prices) in dall_e {
        for (size, tokens) in ["1024x1024", "1024x1792", "1792x1024"].into_iter().zip(prices) {
            check("dall-e-3", &json!({"quality": quality, "size": size}), tokens);
        }
    }
    for (quality, prices) in gpt_image {
        for (size, tokens) in ["1024x1024", "1024x1536", "1536x1024"].into_iter().zip(prices) {
            check("gpt-image-1.5", &json!({"quality": quality, "size": size}), tokens);
        }
    }
    check("dall-e-3", &json!({}), 5);
    check("dall-e-3", &json!({"quality": "hd"}), 9);
    check("dall-e-3", &json!({"size": "1792x1024"}), 9);
    check("dall-e-3", &json!({"size": null, "quality": null, "style": "natural"}), 5);
    check("gpt-image-1.5", &json!({}), 4);
    check("gpt-image-1.5", &json!({"quality": "low"}), 1);
    check("gpt-image-1.5", &json!({"size": "1024x1536"}), 6);
}

#[test]
fn the_owners_example() {
    let quote = quoted("dall-e-3", &json!({"size": "1792x1024", "quality": "hd"}), 1);
    let answer =
        json!({"token_cost": 13, "min_token_cost": 5, "max_token_cost": 13, "pricing_type": "matrix"});
    assert_eq!(serde_json::to_value(quote).unwrap(), answer);
}

#[test]
fn seconds() {
    for (slug, short, long, tokens_short, tokens_long) in [
        ("luma-ray2-flash", 5, 9, 42, 76),
        ("kling-v2.1", 5, 10, 44, 88),
        ("kling-v2.1-pro", 5, 10, 88, 175),
        ("luma-ray2", 5, 9, 125, 224),
        ("luma-ray2-1080p", 5, 9, 151, 271),
    ] {
        check(slug, &json!({}), tokens_short);
        check(slug, &json!({"duration": short}), tokens_short);
        check(slug, &json!({"duration": long}), tokens_long);
        let quote = quoted(slug, &json!({"duration": long}), 3);
        assert_eq!((quote.min_token_cost, quote.max_token_cost), (tokens_short, tokens_long), "{slug}");
    }
}

#[test]
fn points() {
    for (slug, tokens) in
        [("midjourney-v6", 14), ("midjourney-turbo", 28), ("mj-video-480p", 84), ("mj-video-720p", 269)]
    {
        check(slug, &json!({}), tokens);
    }
}

/// The prices themselves are compared with the owner's list in [`crate::catalog`].
#[test]
fn a_fixed_price_is_always_the_same() {
    let fixed = CATALOG.models().iter().filter(|model| model.pricing.pricing_type() == PricingType::Fixed);
    let mut models = 0;
    for model in fixed {
        check(&model.slug, &json!({}), model.token_cost);
        assert_eq!((model.min_token_cost, model.max_token_cost), (model.token_cost, model.token_cost));
        models += 1;
    }
    assert_eq!(models, 39);
    check("musicgen", &json!({"duration": 120}), 9);
    check("gpt-5.2-pro", &json!({"max_tokens": 16}), 39);
}

#[test]
fn no_choice_leaves_the_range() {
    for model in CATALOG.models() {
        let quote = quoted(&model.slug, &json!({}), 1);
        assert_eq!(quote.token_cost, model.token_cost, "{}", model.slug);
        assert!(quote.min_token_cost <= quote.token_cost && quote.token_cost <= quote.max_token_cost);
    }
}

#[test]
fn a_product_that_overflows_has_no_price() {
    let model = model("gpt-5.2-pro");
    let params = model.read_params(object(&json!({})), Purpose::Quote).unwrap();
    assert_eq!(quote(model, &params, i64::MAX), None);
    for (points, milli_tokens_per_point) in [(i64::MAX, 2), (2, i64::MAX), (i64::MAX, 1)] {
        let pricing = Pricing::PerPoint { points, milli_tokens_per_point };
        assert_eq!(pricing.price_tokens(&params), None, "{points} at {milli_tokens_per_point}");
    }
}
