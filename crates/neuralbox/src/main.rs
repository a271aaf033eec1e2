//! NeuralBox: one binary for the API, the worker and the operator.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line talks to people")]

mod cli;
mod clock;
mod commands;
mod logging;
mod master_secret;
mod operator;
mod output;
mod sandbox_folder;
mod settings;
mod signals;
mod wiring;

use clap::Parser;
use cli::{Cli, Command};
use std::{env, num::NonZeroUsize, process::ExitCode, thread};
use tokio::runtime::{Builder, Runtime};

/// The variable by which tokio is told how many threads to work with, read here so that a wrong one is no panic.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ran = runtime().and_then(|runtime| runtime.block_on(Box::pin(run(cli))));
    match ran {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Half as many threads as there are cores. Those that have little to do wake each other up for every step of a generation, which
/// takes up to a third more; the database has the other half; and before one process needs more than a few its ledger is at its end.
/// (What keeps a core busy, as files and passwords do, has threads of its own.)
fn runtime() -> Result<Runtime, commands::Error> {
    let threads = match env::var(WORKER_THREADS) {
        Ok(text) if !text.is_empty() => text.parse::<NonZeroUsize>().map_err(|_| {
            commands::Error::Other(format!("{WORKER_THREADS}: must be a whole number from 1 on"))
        })?,
        _ => {
            let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN)
        }
    };
    Ok(Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build()?)
}

async fn run(cli: Cli) -> Result<ExitCode, commands::Error> {
    #[cfg(feature = "bench-no-ledger")]
    refuse_unless_measured()?;
    let settings = || settings::Settings::load(cli.config.as_deref());
    let operator = &operator::Operator::new(cli.operator);
    match cli.command {
        Command::Demo { once } => commands::demo::run(once).await,
        Command::Serve { sandbox, no_worker } => commands::serve::run(settings()?, sandbox, no_worker).await,
        Command::Worker { once, as_of } => Box::pin(commands::worker::run(settings()?, once, as_of)).await,
        Command::Migrate { new_secret } => commands::migrate::run(&settings()?, new_secret).await,
        Command::Try(arguments) => commands::attempt::run(settings()?, arguments).await,
        Command::Doctor { json } => commands::doctor::run(&settings()?, json).await,
        Command::Billing { command } => commands::billing::run(&settings()?, command).await,
        Command::Payments { command } => {
            Box::pin(commands::payments::run(&settings()?, operator, command)).await
        }
        Command::Ledger { command } => commands::ledger::run(&settings()?, command).await,
        Command::Account { command } => commands::account::run(&settings()?, operator, command).await,
        Command::Key { command } => commands::key::run(&settings()?, operator, command).await,
        Command::Generation { command } => commands::generation::run(&settings()?, operator, command).await,
        Command::Audit { account, from, to, limit, json } => {
            let asked = commands::trail::Asked { account, from, to, limit, json };
            commands::trail::run(&settings()?, asked).await
        }
    }
}

/// A build without a ledger charges nobody: it is of no use but to the benchmark, which says so.
#[cfg(feature = "bench-no-ledger")]
fn refuse_unless_measured() -> Result<(), commands::Error> {
    if std::env::var("NEURALBOX_BENCH_NO_LEDGER").is_ok_and(|value| value == "1") {
        return Ok(());
    }
    Err(commands::Error::Other(
        "this build has no ledger: it is for `cargo xtask bench http` alone".to_owned(),
    ))
}
