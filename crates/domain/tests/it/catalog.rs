//! The catalog against the owner's price list and the table of upstream models.

use crate::{CATALOG, model};
use domain::{
    catalog::{Catalog, Limits, Model, Sources},
    plan::{Package, Plan},
    time::{Day, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet};

const CSV: &str = include_str!("../fixtures/catalog.csv");
const SEED: &str = include_str!("../fixtures/seed-tokens.txt");
const COLUMNS: [&str; 13] = [
    "slug",
    "name",
    "category",
    "vendor",
    "upstream_model",
    "upstream_params",
    "min_plan",
    "pricing_type",
    "token_cost",
    "min_token_cost",
    "max_token_cost",
    "mode",
    "upstream_retires_on",
];

/// A model as a row of the table.
fn columns(model: &Model) -> Vec<String> {
    let params: Vec<String> =
        model.upstream.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        model.slug.clone(),
        model.name.clone(),
        model.category.name().to_owned(),
        model.vendor.clone(),
        model.upstream.model.clone(),
        params.join(";"),
        model.min_plan.clone(),
        model.pricing.pricing_type().name().to_owned(),
        model.token_cost.to_string(),
        model.min_token_cost.to_string(),
        model.max_token_cost.to_string(),
        model.mode.name().to_owned(),
        model.upstream.retires_on.map(|day| day.to_string()).unwrap_or_default(),
    ]
}

/// The row that docs/contributing.md has its readers copy.
#[test]
fn the_guide_shows_a_row_that_fits() {
    let guide = include_str!("../../../../docs/contributing.md");
    let (_, row) = guide.split_once("```toml\n").unwrap();
    let (row, _) = row.split_once("```").unwrap();
    let row: Vec<&str> = row.lines().map(str::trim).collect();
    assert_eq!(row[0], "[[model]]");
    let built_in = Sources::default();
    let models = format!("{}\n{}", built_in.models, row.join("\n"));
    let catalog = Catalog::parse(&Sources { models: &models, ..built_in }).unwrap();
    let model = catalog.model("grok-4-mini").unwrap();
    assert_eq!(model.remedy(18_000), None, "its price covers what it costs");
}

#[test]
fn every_model_is_the_row_of_the_table() {
    let mut lines = CSV.lines();
    assert_eq!(lines.next().unwrap().split(',').collect::<Vec<_>>(), COLUMNS);
    let rows: Vec<Vec<String>> = lines
        .map(|line| {
            let mut row: Vec<String> = line.split(',').map(str::to_owned).collect();
            // The catalog keeps settings by name, the table as they were written down.
            let mut params: Vec<&str> = row[5].split(';').collect();
            params.sort_unstable();
            row[5] = params.join(";");
            row
        })
        .collect();
    assert_eq!(rows.len(), 50);
    assert_eq!(CATALOG.models().len(), 50);
    for (row, model) in rows.iter().zip(CATALOG.models()) {
        assert_eq!(row, &columns(model));
    }
}

/// The rows of the price list between two of its headings, cells trimmed, the heads of tables left out.
fn seed_rows(from: &str, to: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = SEED.split_once(from).unwrap();
    let (section, _) = rest.split_once(to).unwrap();
    let rows = section.lines().map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    rows.filter(|row| row.len() > 1 && !["Model", "Plan", "Package"].contains(&row[0])).collect()
}

/// The first number of `1,690 ₽/mo` or `50 (one-time)`.
fn number(text: &str) -> i64 {
    let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
    digits.replace(',', "").parse().unwrap()
}

#[test]
fn every_price_is_the_owners() {
    let rows = seed_rows("Token Costs by Model", "Subscription Plans");
    for row in &rows {
        let model = model(row[0]);
        match row[1].split_once('–') {
            Some((least, most)) => {
                assert_eq!(
                    (model.min_token_cost, model.max_token_cost),
                    (number(least), number(most)),
                    "{row:?}"
                );
            }
            None => assert_eq!(
                (model.token_cost, model.min_token_cost),
                (number(row[1]), number(row[1])),
                "{row:?}"
            ),
        }
    }
    let listed: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    let sold: BTreeSet<&str> = CATALOG.models().iter().map(|model| model.slug.as_str()).collect();
    assert_eq!(listed, sold);
}

#[test]
fn plans_are_the_owners() {
    let rows = seed_rows("Subscription Plans", "Token Packages");
    assert_eq!(rows.len(), 5);
    let known =
        |plan: &Plan| (plan.name.clone(), plan.tokens, plan.recurring, plan.price, plan.currency.clone());
    let listed = |row: &Vec<&str>| {
        (row[0].to_owned(), number(row[1]), !row[1].contains("one-time"), number(row[2]), "RUB".to_owned())
    };
    assert_eq!(
        CATALOG.plans().iter().map(known).collect::<Vec<_>>(),
        rows.iter().map(listed).collect::<Vec<_>>()
    );
    let slugs: Vec<&str> = CATALOG.plans().iter().map(|plan| plan.slug.as_str()).collect();
    assert_eq!(slugs, ["free", "basic", "pro", "vip", "elite"]);
    let limits: Vec<(i64, i64)> =
        CATALOG.plans().iter().map(|plan| (plan.rate_limit_hourly, plan.rate_limit_daily)).collect();
    assert_eq!(limits, [(20, 150), (30, 200), (60, 500), (100, 1_000), (0, 0)]);
}

#[test]
fn packages_are_the_owners() {
    let rows = seed_rows("Token Packages", "Checking Your Balance");
    assert_eq!(rows.len(), 8);
    let known =
        |package: &Package| (package.name.clone(), package.tokens, package.price, package.currency.clone());
    let listed = |row: &Vec<&str>| (row[0].to_owned(), number(row[1]), number(row[2]), "RUB".to_owned());
    let packages = CATALOG.packages();
    assert_eq!(packages.iter().map(known).collect::<Vec<_>>(), rows.iter().map(listed).collect::<Vec<_>>());
    let slugs: Vec<&str> = packages.iter().map(|package| package.slug.as_str()).collect();
    let expected = ["start", "light", "standard", "advanced", "pro-pack", "business", "premium", "ultra"];
    assert_eq!(slugs, expected);
}

#[test]
fn a_plan_covers_itself_and_those_below() {
    let check = |plan: &str, min_plan: &str, covers: bool| {
        assert_eq!(CATALOG.plan_covers(plan, min_plan), covers, "{plan} for {min_plan}");
    };
    check("free", "free", true);
    check("free", "basic", false);
    check("basic", "basic", true);
    check("elite", "basic", true);
    check("pro", "vip", false);
    check("no such plan", "free", true);
    check("no such plan", "basic", false);
    assert_eq!(CATALOG.lowest_plan_with_api().unwrap().slug, "vip");
}

#[test]
fn a_token_earns_what_the_cheapest_plan_gives_for_it() {
    // Kopecks a token, rounded down, over every way to buy one; 92 roubles are a dollar.
    let paid_plans =
        CATALOG.plans().iter().filter(|plan| plan.price > 0).map(|plan| (plan.price, plan.tokens));
    let packages = CATALOG.packages().iter().map(|package| (package.price, package.tokens));
    let least_kopecks = paid_plans.chain(packages).map(|(price, tokens)| price * 100 / tokens).min().unwrap();
    assert_eq!(least_kopecks, 166);
    assert!(CATALOG.token_value_micro_usd() <= least_kopecks * 10_000 / 92);
}

#[test]
fn every_model_is_described_in_both_languages() {
    let is_cyrillic = |c: char| ('а'..='я').contains(&c) || ('А'..='Я').contains(&c);
    let mut seen = BTreeMap::new();
    for model in CATALOG.models() {
        for text in [&model.description_en, &model.description_ru] {
            assert!(text.ends_with('.') && text.len() > 20, "{}: {text}", model.slug);
            assert_eq!(seen.insert(text.clone(), &model.slug), None, "{text}");
        }
        assert!(!model.description_en.chars().any(is_cyrillic), "{}", model.slug);
        assert!(model.description_ru.chars().any(is_cyrillic), "{}", model.slug);
    }
}

#[test]
fn a_retirement_day_ends_with_the_day_and_a_successor_lifts_it() {
    let mut model = model("dall-e-3").clone();
    let after = Day::parse("2026-05-13").unwrap().starts_at();
    assert!(!model.is_retired(after.plus_ms(-1)));
    assert!(model.is_retired(after));
    model.override_upstream("gpt-image-1".to_owned());
    assert!(!model.is_retired(after));
    assert!(!crate::model("gpt-5.2").is_retired(Timestamp::from_unix_ms(i64::MAX)));
}

#[test]
fn parameters_follow_limits_that_an_operator_sets() {
    let mut model = model("gpt-5-nano").clone();
    let limits = Limits { max_input_chars: Some(40_000), max_output_tokens: Some(10_000), max_audio_s: None };
    model.override_limits(limits).unwrap();
    let read = |value| model.read_params(crate::object(&value), domain::catalog::Purpose::Generate);
    let long = "я".repeat(40_000);
    let params = read(serde_json::json!({"prompt": long})).unwrap();
    assert_eq!(params.integer("max_tokens"), Some(10_000));
    assert!(read(serde_json::json!({"prompt": format!("{long}.")})).is_err());
    assert!(read(serde_json::json!({"prompt": "?", "max_tokens": 10_001})).is_err());
}
