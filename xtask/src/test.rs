//! The checks before a change lands, one after the other; the first that fails ends the run.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{Result, cargo, clients, deny, postgres, tidy};
use std::{
    env,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Tells the tests that there is deliberately no PostgreSQL; without it and without a URL they fail.
const SQLITE_ONLY_VARIABLE: &str = "NEURALBOX_TEST_SQLITE_ONLY";

/// The same for the official OpenAI packages and Schemathesis.
const NO_CLIENTS_VARIABLE: &str = "NEURALBOX_TEST_NO_CLIENTS";

/// Where property tests begin. Fixed, so that a change is judged by what it changes and a red run repeats; another
/// seed, or `cargo test` without any, looks elsewhere.
const SEED_VARIABLE: &str = "PROPTEST_RNG_SEED";
const SEED: &str = "20260101";

const SQLITE_ONLY_WARNING: &str =
    "SQLITE ONLY: every test against PostgreSQL is SKIPPED; this is not a full run";
const NO_DENY_WARNING: &str =
    "NO DENY: licences, duplicates and sources of dependencies are NOT LOOKED AT; this is not a full run";
const NO_CLIENTS_WARNING: &str = "NO CLIENTS: the tests through the official OpenAI packages and Schemathesis are SKIPPED; this is not a full run";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Skip every test that needs PostgreSQL
    #[arg(long)]
    sqlite_only: bool,
    /// Skip the tests through the official OpenAI packages and Schemathesis, which are fetched for them
    #[arg(long)]
    no_clients: bool,
    /// Do not look at what dependencies may be, for which cargo-deny is built where it is missing
    #[arg(long)]
    no_deny: bool,
    /// Passed on to `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    cargo_test_args: Vec<String>,
}

/// What the storage tests run on besides SQLite.
enum Database {
    None,
    Given(String),
    Installed(PathBuf),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    warn_of_gaps(options);
    // First of all, so that a machine without PostgreSQL is told at once, not after all of clippy.
    let database = find_database(options)?;
    let clients = if options.no_clients { None } else { Some(clients::prepare()?) };
    if !options.no_deny {
        deny::prepare()?;
    }
    step("1/5 format", || run_cargo(&["fmt", "--all", "--check"]))?;
    step("2/5 clippy", || {
        run_cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    })?;
    step("3/5 tidy", tidy::run)?;
    if !options.no_deny {
        step("4/5 dependencies", deny::check)?;
    }
    step("5/5 tests", || run_tests(&database, clients.as_deref(), &options.cargo_test_args))?;
    heading(&format!("All passed in {}", seconds_since(started)));
    warn_of_gaps(options);
    Ok(())
}

fn warn_of_gaps(options: &Options) {
    if options.sqlite_only {
        warn(SQLITE_ONLY_WARNING);
    }
    if options.no_clients {
        warn(NO_CLIENTS_WARNING);
    }
    if options.no_deny {
        warn(NO_DENY_WARNING);
    }
}

fn find_database(options: &Options) -> Result<Database> {
    if options.sqlite_only {
        return Ok(Database::None);
    }
    match env::var(postgres::URL_VARIABLE) {
        Ok(url) if !url.is_empty() => Ok(Database::Given(url)),
        _ => Ok(Database::Installed(postgres::find_or_install()?)),
    }
}

fn run_tests(database: &Database, clients: Option<&Path>, args: &[String]) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--locked"]).args(args);
    // No variable may leak in from outside: one silently skips what another asks for.
    tests.env_remove(SQLITE_ONLY_VARIABLE).env_remove(postgres::URL_VARIABLE);
    tests.env_remove(NO_CLIENTS_VARIABLE).env_remove(clients::FOLDER_VARIABLE);
    if env::var_os(SEED_VARIABLE).is_none() {
        tests.env(SEED_VARIABLE, SEED);
    }
    match clients {
        None => tests.env(NO_CLIENTS_VARIABLE, "1"),
        Some(folder) => tests.env(clients::FOLDER_VARIABLE, folder),
    };
    match database {
        Database::None => run_command(tests.env(SQLITE_ONLY_VARIABLE, "1")),
        Database::Given(url) => {
            println!("PostgreSQL: the one that {} names", postgres::URL_VARIABLE);
            run_command(tests.env(postgres::URL_VARIABLE, url))
        }
        Database::Installed(bin) => {
            let cluster = postgres::Cluster::start(bin)?;
            println!("PostgreSQL: a throw-away cluster of {} at {}", bin.display(), cluster.url());
            run_command(tests.env(postgres::URL_VARIABLE, cluster.url()))
        }
    }
}

fn run_cargo(args: &[&str]) -> Result<()> {
    run_command(cargo().args(args))
}

/// Runs it with our own output, so that its colours and its `test result` lines stay as they are.
pub(crate) fn run_command(command: &mut Command) -> Result<()> {
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    let line = format!("cargo {}", args.join(" "));
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("`{line}` does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}").into()) }
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    heading(name);
    let started = Instant::now();
    let result = work();
    let duration = seconds_since(started);
    match result {
        Ok(()) => {
            println!("{name}: passed in {duration}");
            Ok(())
        }
        Err(error) => Err(format!("{name}: FAILED after {duration}: {error}").into()),
    }
}

fn seconds_since(started: Instant) -> String {
    format!("{:.1} s", started.elapsed().as_secs_f64())
}

fn heading(text: &str) {
    println!("\n{}", styled("1;36", &format!("==> {text}")));
}

fn warn(text: &str) {
    println!("{}", styled("1;33", &format!("!!! {text} !!!")));
}

/// In ANSI colours on a terminal; plain in a file or a CI's log.
fn styled(ansi: &str, text: &str) -> String {
    if io::stdout().is_terminal() { format!("\x1b[{ansi}m{text}\x1b[0m") } else { text.to_owned() }
}
