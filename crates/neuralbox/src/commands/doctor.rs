//! `neuralbox doctor`: names everything that would fail a user.

mod database;
mod disk;
mod models;
mod payments;
mod vendors;

use super::Error;
use crate::{
    logging, output,
    settings::{self, Settings},
    wiring,
};
use providers::leads_to_private;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// The service does not work.
    Error,
    /// Something a client may want does not work, or soon will not.
    Warning,
    /// Something is left out, which may well be meant.
    Note,
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
    let is_private = leads_to_private(&wiring::public_url(settings, None));
    let mut findings = database::findings(settings).await;
    findings.extend(disk::files(settings).await);
    findings.extend(disk::scratch(settings));
    findings.extend(payments::findings(settings, &catalog, is_private));
    findings.extend(vendors::findings(settings, &catalog, &client, is_private));
    findings.extend(models::findings(&catalog, wiring::clock().now()));
    let is_broken = findings.iter().any(|finding| finding.level == Level::Error);
    let data = serde_json::json!({ "healthy": !is_broken, "findings": findings });
    output::print(json, &data, || text(&findings));
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing would fail a user".to_owned();
    }
    let lines = findings.iter().map(|finding| {
        let level = match finding.level {
            Level::Error => "error  ",
            Level::Warning => "warning",
            Level::Note => "note   ",
        };
        format!("{level}  {}: {}", finding.about, finding.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
