//! From the catalog's files to a checked [`Catalog`].

use super::{Catalog, Category, Limits, Mode, Model, Sources, Upstream, VendorPrice};
use crate::{
    params::{ParamSpec, ParamValue, Params},
    plan::{FREE_PLAN, Package, Plan},
    pricing::Pricing,
    text::ImageForm,
    time::Day,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// Milliseconds that a generation may be given: a second to an hour.
const TIMEOUT_RANGE_MS: RangeInclusive<i64> = 1_000..=3_600_000;

/// A mistake in the catalog: which file, which row, which field, and what is wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error("catalog: {file}: row {row}: field {field}: {message}")]
pub struct CatalogError {
    /// `models`, `plans` or `packages`.
    pub file: &'static str,
    /// The row's slug, or its number from 1 where it has none.
    pub row: String,
    /// The field.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// The `row` of a mistake that lies outside the rows.
const HEAD: &str = "head of the file";

/// A mistake in a row that is not yet told apart from the others.
struct RowError {
    field: String,
    message: String,
}

fn wrong(field: impl Into<String>, message: impl Into<String>) -> RowError {
    RowError { field: field.into(), message: message.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelRow {
    slug: String,
    name: String,
    category: Category,
    vendor: String,
    upstream_model: String,
    #[serde(default)]
    upstream_params: BTreeMap<String, String>,
    upstream_retires_on: Option<String>,
    min_plan: String,
    pricing: Pricing,
    mode: Mode,
    description_en: String,
    description_ru: String,
    #[serde(default)]
    params: BTreeMap<String, ParamSpec>,
    #[serde(default)]
    at_most_one_of: Vec<Vec<String>>,
    #[serde(default)]
    images: Vec<ImageForm>,
    #[serde(default)]
    limits: Limits,
    timeout_ms: Option<i64>,
    job_timeout_ms: Option<i64>,
    vendor_price: Option<VendorPrice>,
}

const TOKEN_VALUE: &str = "token_value_micro_usd";
const EXCHANGE_RATE: &str = "kopecks_per_usd";
/// For an operator's own file that does not say.
const USUAL_KOPECKS_PER_USD: i64 = 9_200;

pub(super) fn catalog(sources: &Sources<'_>) -> Result<Catalog, CatalogError> {
    let (plans, _) = rows::<Plan, Plan>("plans", "plan", &[], sources.plans, check_plan)?;
    let (packages, _) =
        rows::<Package, Package>("packages", "package", &[], sources.packages, check_package)?;
    let known: BTreeSet<String> = plans.iter().map(|plan| plan.slug.clone()).collect();
    if !known.contains(FREE_PLAN) {
        let message = format!("there must be a plan of slug {FREE_PLAN}");
        return Err(CatalogError { file: "plans", row: FREE_PLAN.into(), field: "slug".into(), message });
    }
    let check = |row: ModelRow| model(row, &known);
    let (models, head) = rows("models", "model", &[TOKEN_VALUE, EXCHANGE_RATE], sources.models, check)?;
    let token_value_micro_usd = head_amount(&head, TOKEN_VALUE, None)?;
    let kopecks_per_usd = head_amount(&head, EXCHANGE_RATE, Some(USUAL_KOPECKS_PER_USD))?;
    Ok(Catalog { models, plans, packages, token_value_micro_usd, kopecks_per_usd })
}

/// A whole number above 0 at the head of the models' file; `usual` where it is not said.
fn head_amount(head: &toml::Table, field: &str, usual: Option<i64>) -> Result<i64, CatalogError> {
    let amount = match head.get(field) {
        None => usual,
        Some(value) => value.as_integer().filter(|amount| *amount > 0),
    };
    amount.ok_or_else(|| CatalogError {
        file: "models",
        row: HEAD.into(),
        field: field.to_owned(),
        message: "must be a whole number above 0".into(),
    })
}

/// The rows `[[key]]` of one file, each read and checked, and the file's whole table, which beside them holds only
/// what `head` names. Slugs are unique.
fn rows<Row: DeserializeOwned, T>(
    file: &'static str,
    key: &str,
    head: &[&str],
    text: &str,
    check: impl Fn(Row) -> Result<T, RowError>,
) -> Result<(Vec<T>, toml::Table), CatalogError> {
    let error = |row: &str, wrong: RowError| CatalogError {
        file,
        row: row.to_owned(),
        field: wrong.field,
        message: wrong.message,
    };
    let table: toml::Table =
        text.parse().map_err(|e: toml::de::Error| error("-", wrong("-", e.to_string())))?;
    if let Some(unknown) = table.keys().find(|name| *name != key && !head.contains(&name.as_str())) {
        return Err(error(HEAD, wrong(unknown, "is not known here")));
    }
    let values = table.get(key).and_then(toml::Value::as_array);
    let values = values.ok_or_else(|| error("-", wrong(key, format!("there must be rows [[{key}]]"))))?;
    let mut slugs = BTreeSet::new();
    let mut rows = Vec::with_capacity(values.len());
    for (number, value) in (1_usize..).zip(values) {
        let slug = value.get("slug").and_then(toml::Value::as_str);
        let name = slug.map_or_else(|| number.to_string(), str::to_owned);
        let row = serde_path_to_error::deserialize::<_, Row>(value.clone()).map_err(|e| {
            let path = e.path().to_string();
            error(&name, wrong(field_of(&path, e.inner()), e.inner().message()))
        })?;
        rows.push(check(row).map_err(|e| error(&name, e))?);
        if !slugs.insert(name.clone()) {
            return Err(error(&name, wrong("slug", "stands twice")));
        }
    }
    Ok((rows, table))
}

/// The field that an error is about: its path, or for a field that is missing or unknown the name in the message.
fn field_of(path: &str, error: &toml::de::Error) -> String {
    let named = error.message().split('`').nth(1);
    let about_a_name =
        error.message().starts_with("missing field") || error.message().starts_with("unknown field");
    match named.filter(|_| about_a_name) {
        Some(name) if path == "." || path.is_empty() => name.to_owned(),
        Some(name) if path.rsplit('.').next() == Some(name) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    }
}

fn check_plan(plan: Plan) -> Result<Plan, RowError> {
    check_amount("tokens", plan.tokens)?;
    check_amount("price", plan.price)?;
    check_amount("rate_limit_hourly", plan.rate_limit_hourly)?;
    check_amount("rate_limit_daily", plan.rate_limit_daily)?;
    Ok(plan)
}

fn check_package(package: Package) -> Result<Package, RowError> {
    check_amount("tokens", package.tokens)?;
    check_amount("price", package.price)?;
    Ok(package)
}

/// Amounts stay far below where sums of them could overflow.
fn check_amount(field: &str, amount: i64) -> Result<(), RowError> {
    const MOST: i64 = 1_000_000_000;
    if (0..=MOST).contains(&amount) { Ok(()) } else { Err(wrong(field, format!("must lie in 0..{MOST}"))) }
}

fn model(row: ModelRow, plans: &BTreeSet<String>) -> Result<Model, RowError> {
    if !plans.contains(&row.min_plan) {
        let plans: Vec<&str> = plans.iter().map(String::as_str).collect();
        return Err(wrong("min_plan", format!("is no plan; there are {}", plans.join(", "))));
    }
    if row.slug.is_empty() || !row.slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
        return Err(wrong("slug", "must be letters, digits, hyphens and dots"));
    }
    let retires_on = match row.upstream_retires_on {
        Some(day) => Some(
            Day::parse(&day).ok_or_else(|| wrong("upstream_retires_on", "must be a day as 2026-11-30"))?,
        ),
        None => None,
    };
    check_limits(&row.limits)?;
    let mut params = row.params;
    if row.category == Category::Text {
        add_text_params(&mut params, &row.limits, row.images)?;
    }
    for group in &row.at_most_one_of {
        if let Some(unknown) = group.iter().find(|name| !params.contains_key(*name)) {
            return Err(wrong("at_most_one_of", format!("{unknown} is no parameter of this model")));
        }
    }
    for (name, spec) in &params {
        check_spec(name, spec)?;
    }
    for (field, ms) in [("timeout_ms", row.timeout_ms), ("job_timeout_ms", row.job_timeout_ms)] {
        if ms.is_some_and(|ms| !TIMEOUT_RANGE_MS.contains(&ms)) {
            let (least, most) = (TIMEOUT_RANGE_MS.start(), TIMEOUT_RANGE_MS.end());
            return Err(wrong(field, format!("must lie in {least}..{most}")));
        }
    }
    if row.job_timeout_ms.is_some() && row.mode != Mode::Async {
        return Err(wrong("job_timeout_ms", "is for models of mode async"));
    }
    for (field, figure) in row.vendor_price.iter().flat_map(VendorPrice::figures) {
        check_amount(&format!("vendor_price.{field}"), figure)?;
    }
    let mut prices = all_prices(&row.pricing, &params)?;
    let token_cost = row.pricing.price_tokens(&defaults(&params));
    let token_cost = token_cost.ok_or_else(|| wrong("pricing", "the default parameters have no price"))?;
    prices.push(token_cost);
    for price in &prices {
        check_amount("pricing", *price)?;
    }
    if prices.contains(&0) {
        return Err(wrong("pricing", "nothing is sold for 0 tokens"));
    }
    let model = Model {
        min_token_cost: prices.iter().copied().min().unwrap_or(token_cost),
        max_token_cost: prices.iter().copied().max().unwrap_or(token_cost),
        token_cost,
        slug: row.slug,
        name: row.name,
        category: row.category,
        vendor: row.vendor,
        upstream: Upstream {
            model: row.upstream_model,
            params: row.upstream_params,
            retires_on,
            is_overridden: false,
        },
        min_plan: row.min_plan,
        pricing: row.pricing,
        mode: row.mode,
        description_en: row.description_en,
        description_ru: row.description_ru,
        params,
        at_most_one_of: row.at_most_one_of,
        limits: row.limits,
        timeout_ms: row.timeout_ms,
        job_timeout_ms: row.job_timeout_ms,
        vendor_price: row.vendor_price,
    };
    match model.vendor_price.as_ref().and_then(|price| price.missing_in(&model)) {
        Some(field) => Err(wrong(field, "is not what this vendor_price goes by")),
        None => Ok(model),
    }
}

fn check_limits(limits: &Limits) -> Result<(), RowError> {
    let Limits { max_input_chars, max_output_tokens, max_audio_s } = *limits;
    let named = [
        ("limits.max_input_chars", max_input_chars),
        ("limits.max_output_tokens", max_output_tokens),
        ("limits.max_audio_s", max_audio_s),
    ];
    match named.into_iter().find(|(_, limit)| limit.is_some_and(|n| n <= 0)) {
        Some((field, _)) => Err(wrong(field, "must be above 0")),
        None => Ok(()),
    }
}

/// Every text model takes these; they follow from its limits, so rows do not repeat them.
fn add_text_params(
    params: &mut BTreeMap<String, ParamSpec>,
    limits: &Limits,
    images: Vec<ImageForm>,
) -> Result<(), RowError> {
    let needed = |field: &str| wrong(field, "a text model needs it");
    let max_chars = limits.max_input_chars.ok_or_else(|| needed("limits.max_input_chars"))?;
    let ceiling = limits.max_output_tokens.ok_or_else(|| needed("limits.max_output_tokens"))?;
    let min = match params.get("max_tokens") {
        Some(ParamSpec::Integer { min, .. }) => *min,
        _ => 1,
    };
    let text = || ParamSpec::Text { max_chars, required: false };
    params.insert("prompt".into(), text());
    params.insert("system".into(), text());
    params.insert("messages".into(), ParamSpec::Messages { images });
    let max_tokens = ParamSpec::Integer { min, max: ceiling, default: Some(ceiling) };
    params.insert("max_tokens".into(), max_tokens);
    Ok(())
}

fn check_spec(name: &str, spec: &ParamSpec) -> Result<(), RowError> {
    let field = format!("params.{name}");
    let default_is_allowed = match spec {
        ParamSpec::Choice { allowed, default } => default.as_ref().is_none_or(|d| allowed.contains(d)),
        ParamSpec::IntegerChoice { allowed, default } => default.is_none_or(|d| allowed.contains(&d)),
        ParamSpec::Integer { min, max, default } => {
            min <= max && default.is_none_or(|d| (*min..=*max).contains(&d))
        }
        ParamSpec::Decimal { min, max } => min <= max,
        ParamSpec::Text { max_chars, .. } => *max_chars > 0,
        ParamSpec::Boolean { .. } | ParamSpec::Url { .. } | ParamSpec::Messages { .. } => true,
    };
    if default_is_allowed { Ok(()) } else { Err(wrong(field, "its bounds and default do not fit together")) }
}

fn defaults(params: &BTreeMap<String, ParamSpec>) -> Params {
    let values = params.iter().filter_map(|(name, spec)| Some((name.clone(), spec.default_value()?)));
    Params { values: values.collect() }
}

/// The price for every combination of the parameters that it depends on; each must have one.
fn all_prices(pricing: &Pricing, params: &BTreeMap<String, ParamSpec>) -> Result<Vec<i64>, RowError> {
    let price = |values: Vec<(&str, ParamValue)>| {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        pricing.price_tokens(&Params { values })
    };
    match pricing {
        Pricing::Fixed { .. } | Pricing::PerPoint { .. } => {
            let price = price(vec![]).ok_or_else(|| wrong("pricing", "is too large"))?;
            Ok(vec![price])
        }
        Pricing::Matrix { cells } => {
            let (
                Some(ParamSpec::Choice { allowed: qualities, .. }),
                Some(ParamSpec::Choice { allowed: sizes, .. }),
            ) = (params.get("quality"), params.get("size"))
            else {
                return Err(wrong("params", "a matrix needs the choices quality and size"));
            };
            let choices = qualities.iter().flat_map(|quality| sizes.iter().map(move |size| (quality, size)));
            let prices: Vec<i64> = choices
                .map(|(quality, size)| {
                    let text = |word: &String| ParamValue::Text(word.clone());
                    price(vec![("quality", text(quality)), ("size", text(size))])
                        .ok_or_else(|| wrong(format!("pricing.cells.{quality}.{size}"), "is missing"))
                })
                .collect::<Result<_, _>>()?;
            if prices.len() != cells.values().map(BTreeMap::len).fold(0, usize::saturating_add) {
                return Err(wrong(
                    "pricing.cells",
                    "must hold each quality and size of params once, and no more",
                ));
            }
            Ok(prices)
        }
        Pricing::PerSecond { .. } => {
            let Some(ParamSpec::IntegerChoice { allowed, .. }) = params.get("duration") else {
                return Err(wrong("params.duration", "a price per second needs this integer_choice"));
            };
            let prices = allowed.iter().map(|seconds| {
                price(vec![("duration", ParamValue::Integer(*seconds))])
                    .ok_or_else(|| wrong("pricing", "is too large"))
            });
            prices.collect()
        }
    }
}
