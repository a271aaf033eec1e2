//! `neuralbox billing`

mod report;

use super::{Error, account::operator_app, time::read_time};
use crate::{cli::BillingCommand, output, settings::Settings};
use std::{io::Write, process::ExitCode};

/// Entries after which a long report says how far it is.
const PROGRESS_ENTRIES: i64 = 100_000;

pub(crate) async fn run(settings: &Settings, command: BillingCommand) -> Result<ExitCode, Error> {
    match command {
        BillingCommand::Report { from, to, kopecks_per_usd, json, csv } => {
            let (from, to) = (read_time("--from", &from)?, read_time("--to", &to)?);
            let app = operator_app(settings).await?;
            let report = app.billing_report(from, to, kopecks_per_usd, progress()).await?;
            let tables = report::tables(&report);
            output::line(&match (json, csv) {
                (true, _) => report::json(&report, &tables),
                (_, true) => report::csv(&tables),
                _ => report::text(&report, &tables),
            });
            Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Says on standard error how far a long report is.
fn progress() -> impl FnMut(i64, i64) + Send {
    let mut said = 0;
    move |accounts, entries| {
        if entries >= said + PROGRESS_ENTRIES {
            said = entries;
            // Whoever reads may be gone.
            let _ = writeln!(std::io::stderr(), "{accounts} accounts, {entries} entries …");
        }
    }
}
