//! Measurements. Numbers are printed, never asserted: what a test asserts must not depend on how busy a machine is.

use crate::{Result, cargo, postgres};
use std::env;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(clap::Subcommand)]
enum Subject {
    /// What the database takes for what one account looks up of a million generations
    History(HistoryOptions),
}

#[derive(clap::Args)]
struct HistoryOptions {
    /// How many generations the account has
    #[arg(long, default_value_t = 1_000_000)]
    generations: u64,
    /// Print JSON in place of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.subject {
        Subject::History(options) => history(options),
    }
}

/// `crates/storage/benches/history.rs` says what is measured.
fn history(options: &HistoryOptions) -> Result<()> {
    let mut bench = cargo();
    bench.args(["bench", "--locked", "-p", "storage", "--bench", "history", "--"]);
    if options.json {
        bench.arg("--json");
    }
    bench.env("NEURALBOX_BENCH_GENERATIONS", options.generations.to_string());
    // Dropped when it has ended.
    let mut cluster = None;
    if env::var(postgres::URL_VARIABLE).unwrap_or_default().is_empty() {
        let own = cluster.insert(postgres::Cluster::start(&postgres::find_or_install()?)?);
        bench.env(postgres::URL_VARIABLE, own.url());
    }
    // Nothing of ours on standard output, which may be JSON.
    let status = bench.status()?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark ended with {status}").into()) }
}
