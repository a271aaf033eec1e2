//! The simulation by which billing is judged, at length: `crates/api/tests/it/years.rs` says what it is.

use crate::{Result, cargo, postgres, test::run_command};
use std::{
    env,
    hash::{BuildHasher, RandomState},
    path::Path,
    process::Stdio,
    time::Instant,
};

/// In memory, where the system has such a place: nothing here is about power cuts.
const MEMORY: &str = "/dev/shm";

/// The tests among which the simulation is.
const TESTS: [&str; 8] = ["test", "--release", "--locked", "-p", "api", "--test", "it", "--"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many people buy
    #[arg(long, default_value_t = 1_000)]
    accounts: u64,
    /// For how many years
    #[arg(long, default_value_t = 2)]
    years: u64,
    /// Everything that is drawn follows from it; a new one each time where it is not said
    #[arg(long)]
    seed: Option<u64>,
    /// On what
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    let Options { accounts, years, database, .. } = options;
    let mut simulation = cargo();
    simulation.args(TESTS).args(["--exact", "--nocapture"]);
    for (name, value) in [("ACCOUNTS", accounts), ("YEARS", years), ("SEED", &seed)] {
        simulation.env(format!("NEURALBOX_YEARS_{name}"), value.to_string());
    }
    // Dropped when the simulation has ended.
    let mut cluster = None;
    let name = match database {
        Database::Sqlite => {
            if Path::new(MEMORY).is_dir() {
                simulation.env("TMPDIR", MEMORY);
            }
            "sqlite"
        }
        Database::Postgres => {
            if env::var(postgres::URL_VARIABLE).unwrap_or_default().is_empty() {
                let own = cluster.insert(postgres::Cluster::start(&postgres::find_or_install()?)?);
                simulation.env(postgres::URL_VARIABLE, own.url());
            }
            "postgres"
        }
    };
    let test = format!("years::{name}::years_of_accounts_come_out_right");
    simulation.arg(&test);
    require_test(&test)?;
    println!("{accounts} accounts, {years} years, {name}, seed {seed}");
    let started = Instant::now();
    run_command(&mut simulation).map_err(|error| format!("seed {seed}: {error}"))?;
    println!(
        "All came out right: {accounts} accounts, {years} years, {name}, seed {seed}, {:.0} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A filter that fits no test is no error to cargo, and nothing would have been tried.
fn require_test(name: &str) -> Result<()> {
    let mut listing = cargo();
    let listed = listing.args(TESTS).args(["--exact", "--list", name]).stderr(Stdio::inherit()).output()?;
    let names = String::from_utf8_lossy(&listed.stdout);
    if names.lines().any(|line| line.strip_suffix(": test") == Some(name)) {
        return Ok(());
    }
    Err(format!("there is no test {name}").into())
}
