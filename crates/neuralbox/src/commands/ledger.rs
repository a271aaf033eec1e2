//! `neuralbox ledger`

use super::{Error, account::operator_app};
use crate::{cli::LedgerCommand, output, settings::Settings};
use serde_json::{Value, json};
use std::{fmt::Write, process::ExitCode};

pub(crate) async fn run(settings: &Settings, command: LedgerCommand) -> Result<ExitCode, Error> {
    let LedgerCommand::Verify { json } = command;
    let report = operator_app(settings).await?.verify_ledger().await?;
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| json!({ "account_id": problem.account_id, "message": problem.message }))
        .collect();
    let is_clean = problems.is_empty();
    let data = json!({
        "clean": is_clean,
        "wallets": report.wallets,
        "entries": report.entries,
        "generations": report.generations,
        "open_holds": report.open_holds,
        "problems": problems,
    });
    output::print(json, &data, || {
        let mut text = format!(
            "{} wallets, {} entries, {} generations, {} open holds: {}",
            report.wallets,
            report.entries,
            report.generations,
            report.open_holds,
            if is_clean { "every wallet equals the replay of its entries" } else { "the books do not agree" },
        );
        for problem in &report.problems {
            // Writing to a String cannot fail.
            let _ = write!(text, "\naccount {}: {}", problem.account_id, problem.message);
        }
        text
    });
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
