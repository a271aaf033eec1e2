//! Models that their vendors retire, and those that may cost more than they earn.

use super::{Finding, Level, finding};
use domain::{
    catalog::{Catalog, Model, Remedy},
    time::{DAY_MS, Timestamp},
};

/// Days before a retirement from which it is named.
const SOON_DAYS: i64 = 60;

pub(super) fn findings(catalog: &Catalog, now: Timestamp) -> Vec<Finding> {
    catalog.models().iter().flat_map(|model| of_model(model, catalog, now)).collect()
}

fn of_model(model: &Model, catalog: &Catalog, now: Timestamp) -> Vec<Finding> {
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
