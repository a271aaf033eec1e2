//! Which vendors can be called, and which can call back or fetch from here.

use super::{Finding, Level, finding};
use crate::settings::Settings;
use domain::{catalog::Catalog, id::GenerationId, media::MediaCall, params::Params, port::Provider};
use providers::VendorSettings;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn findings(
    settings: &Settings,
    catalog: &Catalog,
    client: &impl Provider,
    is_private: bool,
) -> Vec<Finding> {
    let mut findings = keys(catalog, client);
    if is_private {
        findings.extend(callbacks(settings));
        findings.extend(fetching(catalog, client));
    }
    findings
}

fn keys(catalog: &Catalog, client: &impl Provider) -> Vec<Finding> {
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
