//! The simulation by which billing is judged, at length: `crates/api/tests/it/years.rs` says what it is.

use crate::{
    Result,
    at_length::{AtLength, Database, any_seed},
};
use std::time::Instant;

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

pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(any_seed);
    let Options { accounts, years, database, .. } = options;
    let settings = [("ACCOUNTS", accounts), ("YEARS", years), ("SEED", &seed)];
    let settings = settings.map(|(name, value)| (format!("NEURALBOX_YEARS_{name}"), value.to_string()));
    let run = format!("{accounts} accounts, {years} years, {}, seed {seed}", database.name());
    println!("{run}");
    let simulation = AtLength {
        package: "api",
        test: ("years", "years_of_accounts_come_out_right"),
        database: *database,
        debug: false,
        is_quiet: false,
        is_serial: false,
        settings: settings.into(),
    };
    let started = Instant::now();
    simulation.run().map_err(|error| format!("seed {seed}: {error}"))?;
    println!("All came out right: {run}, {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
