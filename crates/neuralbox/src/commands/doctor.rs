//! `neuralbox doctor`: names everything that would fail a user.

use super::Error;
use crate::{
    logging, output,
    settings::{self, Settings},
    wiring,
};
use domain::{
    catalog::{Catalog, Model, Remedy},
    id::GenerationId,
    media::MediaCall,
    params::Params,
    port::Provider,
    time::{DAY_MS, Timestamp},
};
use providers::{VendorSettings, leads_to_private};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};
use storage::SchemaState;

/// Days before a retirement from which it is named.
const SOON_DAYS: i64 = 60;

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// The service does not work.
    Error,
    /// Something a client may want does not work, or soon will not.
    Warning,
}

#[derive(Serialize)]
struct Finding {
    level: Level,
    about: String,
    message: String,
}

fn finding(level: Level, about: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { level, about: about.into(), message: message.into() }
}

pub(crate) async fn run(settings: &Settings, json: bool) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let catalog = settings::catalog(settings)?;
    let client = wiring::client(settings)?;
    let now = wiring::clock().now();
    let mut findings = database(settings).await;
    findings.extend(vendors(&catalog, &client));
    if leads_to_private(&wiring::public_url(settings, None)) {
        findings.extend(callbacks(settings));
        findings.extend(fetching(&catalog, &client));
    }
    findings.extend(catalog.models().iter().flat_map(|model| model_findings(model, &catalog, now)));
    let is_broken = findings.iter().any(|finding| finding.level == Level::Error);
    let data = serde_json::json!({ "healthy": !is_broken, "findings": findings });
    output::print(json, &data, || text(&findings));
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn database(settings: &Settings) -> Vec<Finding> {
    let state = match wiring::connect(settings, wiring::clock()).await {
        Ok(storage) => storage.schema_state().await.map_err(Error::from),
        Err(error) => Err(error),
    };
    let wrong = match state {
        Ok(SchemaState::Current) => return Vec::new(),
        Ok(SchemaState::Empty) => {
            let message = "is empty; `neuralbox serve` or `neuralbox migrate` sets it up";
            return vec![finding(Level::Warning, "database", message)];
        }
        Ok(SchemaState::Older) => "its schema is older than this version: run `neuralbox migrate`".to_owned(),
        Ok(SchemaState::Newer) => "its schema is newer than this version".to_owned(),
        Err(error) => error.to_string(),
    };
    vec![finding(Level::Error, "database", wrong)]
}

fn vendors(catalog: &Catalog, client: &impl Provider) -> Vec<Finding> {
    let names: BTreeSet<&str> = catalog.models().iter().map(|model| model.vendor.as_str()).collect();
    let mut findings = Vec::new();
    for vendor in names {
        let models = || catalog.models().iter().filter(|model| model.vendor == vendor);
        let unserved = models().filter(|model| !client.serves(vendor, model.category));
        let unserved: Vec<&str> = unserved.map(|model| model.slug.as_str()).collect();
        let about = format!("provider {vendor}");
        if !unserved.is_empty() {
            let message = format!("this version does not serve {}", unserved.join(", "));
            findings.push(finding(Level::Warning, &about, message));
        }
        if unserved.len() < models().count() && !client.is_configured(vendor) {
            let name = vendor.to_ascii_uppercase();
            let message = format!("has no key: set NEURALBOX__PROVIDERS__{name}__API_KEY");
            findings.push(finding(Level::Warning, about, message));
        }
    }
    findings
}

/// Vendors that are to call back, which nobody can where the public URL is private.
fn callbacks(settings: &Settings) -> Vec<Finding> {
    let calling = settings.providers.iter().filter(|(_, set)| set.callbacks);
    let finding_of = |(vendor, _): (&String, &VendorSettings)| {
        let message = "cannot call back while server.public_url is private: its jobs are only asked after";
        finding(Level::Warning, format!("provider {vendor}"), message)
    };
    calling.map(finding_of).collect()
}

/// Vendors that fetch what goes in from this service, which they cannot where the public URL is private and they are not.
fn fetching(catalog: &Catalog, client: &impl Provider) -> Vec<Finding> {
    let mut by_vendor: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for model in catalog.models() {
        let vendor = model.vendor.as_str();
        if client.is_configured(vendor) && !client.is_private(vendor) {
            let call = MediaCall::new(model, GenerationId(0), Params::default(), 0);
            let fields = model.params.keys().filter(|name| client.wants_url(&call, name));
            let fields = fields.map(|name| format!("{} with {name}", model.slug));
            by_vendor.entry(vendor).or_default().extend(fields);
        }
    }
    let finding_of = |(vendor, fields): (&str, Vec<String>)| {
        let fields = fields.join(", ");
        let message =
            format!("fetches files from here, and cannot while server.public_url is private: {fields}");
        finding(Level::Warning, format!("provider {vendor}"), message)
    };
    by_vendor.into_iter().filter(|(_, fields)| !fields.is_empty()).map(finding_of).collect()
}

fn model_findings(model: &Model, catalog: &Catalog, now: Timestamp) -> Vec<Finding> {
    let about = format!("model {}", model.slug);
    let upstream = &model.upstream;
    let mut findings = Vec::new();
    if let Some(day) = upstream.retires_on.filter(|_| !upstream.is_overridden) {
        let setting = format!("models.{}.upstream", model.slug);
        if model.is_retired(now) {
            let message = format!("{} was retired on {day}: set {setting} to its successor", upstream.model);
            findings.push(finding(Level::Warning, &about, message));
        } else if day.has_passed(now.plus_ms(SOON_DAYS * DAY_MS)) {
            let message = format!("{} is served until {day}; then set {setting}", upstream.model);
            findings.push(finding(Level::Warning, &about, message));
        }
    }
    findings.extend(loss(model, catalog).map(|message| finding(Level::Warning, about, message)));
    findings
}

/// What is wrong with a price that its vendor's worst case exceeds, and what would mend it.
fn loss(model: &Model, catalog: &Catalog) -> Option<String> {
    let token_value = catalog.token_value_micro_usd();
    let (worst, remedy) = (model.worst_case(token_value)?, model.remedy(token_value)?);
    let (cost, earned) = (worst.vendor_cost_micro_usd, worst.price_tokens.saturating_mul(token_value));
    let mend = match remedy {
        Remedy::Limit { name, most } => format!("{name} would have to be at most {most}"),
        Remedy::None => "no limit brings it under the price".to_owned(),
    };
    Some(format!("costs up to {cost} micro-dollars at the vendor where it earns {earned}: {mend}"))
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing would fail a user".to_owned();
    }
    let lines = findings.iter().map(|finding| {
        let level = match finding.level {
            Level::Error => "error  ",
            Level::Warning => "warning",
        };
        format!("{level}  {}: {}", finding.about, finding.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
