//! The simulation of everything at once, at length: `crates/app/tests/it/simulation.rs` says what it is.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{
    Result,
    at_length::{AtLength, Database, any_seed},
};
use serde_json::{Value, json};
use std::{env, fs, process};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Everything follows from it; a new one each time where it is not said
    #[arg(long)]
    seed: Option<u64>,
    /// How many things are done; from 3,000 on, more, until somebody has died at every point
    #[arg(long, default_value_t = 10_000)]
    steps: u64,
    /// On what
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
    /// Print JSON in place of words; how it goes is told on standard error
    #[arg(long)]
    json: bool,
    /// Run a debug build, which is slower and sooner made
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(any_seed);
    let path = env::temp_dir().join(format!("neuralbox-simulation-{}.json", process::id()));
    let setting = |name: &str, value: String| (format!("NEURALBOX_SIMULATE_{name}"), value);
    let simulation = AtLength {
        package: "app",
        test: ("simulation", "everything_is_as_promised"),
        database: options.database,
        debug: options.debug,
        is_quiet: options.json,
        is_serial: true,
        settings: vec![
            setting("SEED", seed.to_string()),
            setting("STEPS", options.steps.to_string()),
            setting("REPORT", path.display().to_string()),
        ],
    };
    let outcome = simulation.run();
    let report = fs::read_to_string(&path).ok();
    // There is none of a run that failed.
    let _ = fs::remove_file(&path);
    if options.json {
        let mut report: Value = report.map_or(Ok(json!({})), |text| serde_json::from_str(&text))?;
        report["ok"] = outcome.is_ok().into();
        report["seed"] = seed.into();
        report["database"] = options.database.name().into();
        println!("{report}");
    }
    outcome.map_err(|error| format!("seed {seed}: {error}").into())
}
