//! What a contributor runs: `cargo xtask test` before a change lands, and the parts of it by themselves.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "xtask talks to people")]

mod at_length;
mod bench;
mod breaks;
mod clients;
mod crash;
mod debian;
mod deny;
mod fuzz;
mod postgres;
mod simulate;
mod test;
mod test_name;
mod tidy;
mod years;

use clap::{Parser, Subcommand};
use std::{
    env,
    error::Error,
    io,
    process::{self, ExitCode},
};

/// An error is a message for the person at the terminal.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// NeuralBox's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must pass before a change lands: format, clippy, house rules, dependencies, tests
    Test(test::Options),
    /// Check the house rules alone
    Tidy,
    /// Check what dependencies may be: licences, duplicates, sources
    Deny(deny::Options),
    /// Try every reader of what comes from outside with other bytes, for some minutes
    Fuzz(fuzz::Options),
    /// Two years of a thousand accounts that buy, with faults and crashes, held against what must have happened
    BillingYears(years::Options),
    /// Everything at once from one seed, with crashes at named points, held against a model after each step
    Simulate(simulate::Options),
    /// Break what is promised, in a copy, and see that a test turns red each time
    Breaks(breaks::Options),
    /// Kill servers, workers and PostgreSQL under load, and hold the ledger against what clients were told
    CrashTest(crash::Options),
    /// Measure, and print the numbers
    Bench(bench::Options),
    /// Fetch the official OpenAI packages and Schemathesis, through which tests talk
    Clients,
    /// Run a throw-away PostgreSQL until Ctrl-C or the end of standard input
    Postgres,
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Tidy => tidy::run(),
        Task::Deny(options) => deny::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::BillingYears(options) => years::run(&options),
        Task::Simulate(options) => simulate::run(&options),
        Task::Breaks(options) => breaks::run(&options),
        Task::CrashTest(options) => crash::run(&options),
        Task::Bench(options) => bench::start(&options),
        Task::Clients => show_clients(),
        Task::Postgres => keep_postgres(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show_clients() -> Result<()> {
    println!("export {}={}", clients::FOLDER_VARIABLE, clients::prepare()?.display());
    Ok(())
}

fn keep_postgres() -> Result<()> {
    let cluster = postgres::Cluster::start(&postgres::find_or_install()?)?;
    println!("export {}={}", postgres::URL_VARIABLE, cluster.url());
    eprintln!("PostgreSQL runs until Ctrl-C or the end of standard input; then its data are removed.");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// The cargo that runs us, so that every step uses the same toolchain.
fn cargo() -> process::Command {
    process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
