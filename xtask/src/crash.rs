//! Processes killed under load, and everything held against what clients were told: `crates/neuralbox/tests/it/crash.rs`
//! says what it is.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{Result, cargo, postgres};
use serde_json::{Value, json};
use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    process::{self, Stdio},
};

/// Tells a test where the programs of PostgreSQL are, which starts and kills one of its own.
pub(crate) const PROGRAMS_VARIABLE: &str = "NEURALBOX_TEST_POSTGRES_BIN";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The kills and what clients ask follow from it; a new one each time where it is not said
    #[arg(long)]
    seed: Option<u64>,
    /// For how many seconds processes are killed, on each database
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many kills there are on each database, in place of a time
    #[arg(long, conflicts_with = "seconds")]
    kills: Option<u64>,
    /// On what: PostgreSQL with two servers and two workers, SQLite with one process
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// Print JSON in place of words; how it goes is told on standard error
    #[arg(long)]
    json: bool,
    /// Kill debug builds, which are slower and sooner made
    #[arg(long)]
    debug: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Both,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    let mut reports = Vec::new();
    for (database, name) in [(Database::Postgres, "postgres"), (Database::Sqlite, "sqlite")] {
        if options.database == database || options.database == Database::Both {
            let report = crash(options, seed, name)?;
            if !options.json {
                print_verdict(&report);
            }
            reports.push(report);
        }
    }
    let is_ok = reports.iter().all(|report| report["ok"] == true);
    if options.json {
        println!("{}", json!({ "ok": is_ok, "seed": seed, "runs": reports }));
    }
    if is_ok {
        Ok(())
    } else {
        Err(format!("what clients were told and the ledger DISAGREE, seed {seed}").into())
    }
}

/// One run on one database; what it came to, whether that is good or bad.
fn crash(options: &Options, seed: u64, database: &str) -> Result<Value> {
    let path = env::temp_dir().join(format!("neuralbox-crash-{}-{database}.json", process::id()));
    let mut test = cargo();
    test.args(["test", "--locked", "-p", "neuralbox", "--test", "it"]);
    if !options.debug {
        test.arg("--release");
    }
    let name = format!("crash::clients_and_ledger_agree_after_crashes_on_{database}");
    test.args(["--", "--exact", "--nocapture", &name]);
    test.env("NEURALBOX_CRASH_SEED", seed.to_string()).env("NEURALBOX_CRASH_REPORT", &path);
    match options.kills {
        Some(kills) => test.env("NEURALBOX_CRASH_KILLS", kills.to_string()),
        None => test.env("NEURALBOX_CRASH_SECONDS", options.seconds.to_string()),
    };
    if database == "postgres" {
        test.env(PROGRAMS_VARIABLE, postgres::find_or_install()?);
    }
    // The harness's own words are no verdict.
    let status = test.stdout(Stdio::null()).status()?;
    let report = fs::read_to_string(&path);
    // It may never have been written.
    let _ = fs::remove_file(&path);
    match report {
        Ok(report) => Ok(serde_json::from_str(&report)?),
        Err(_) => {
            Err(format!("seed {seed}: the run on {database} came to no verdict: it ended with {status}")
                .into())
        }
    }
}

fn print_verdict(report: &Value) {
    let text = |field: &str| report[field].as_str().unwrap_or_default().to_owned();
    let kills = report["kills"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
    let told = &report["told"];
    println!(
        "{}: {} kills, {} orders: {} told completed, {} failed, {} refused, {} nothing; {} generations, {} tokens charged",
        text("database"),
        kills.sum::<u64>(),
        report["orders"],
        told["completed"],
        told["failed"],
        told["refused"],
        told["nothing"],
        report["generations"],
        report["charged_tokens"],
    );
    let disagreements = report["disagreements"].as_array();
    for problem in disagreements.into_iter().flatten().filter_map(Value::as_str) {
        println!("  DISAGREES: {problem}");
    }
    if report["ok"] == true {
        println!(
            "{}: ALL AGREES: the ledger verifies, no hold is left, clients and ledger say the same",
            text("database")
        );
    }
}
