//! Every property test of what comes from outside, at length: other bytes, other requests, again and again.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{Result, cargo, test::run_command};
use std::{
    hash::{BuildHasher, RandomState},
    process::Stdio,
    time::{Duration, Instant},
};

/// Crates that read what others send.
const CRATES: [&str; 5] = ["api", "domain", "media", "payments", "providers"];
/// What the names of those tests, or of their modules, hold.
const FILTERS: [&str; 3] = ["odd_", "arbitrary_", "damaged"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Begin no further round after so many minutes; one takes minutes by itself
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Cases of each property in a round
    #[arg(long, default_value_t = 2_000)]
    cases: u32,
    /// Try this seed alone, once; else a new one each round
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    require_tests()?;
    let (started, limit) = (Instant::now(), Duration::from_secs(options.minutes.saturating_mul(60)));
    let mut rounds = 0;
    loop {
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        println!("\n==> round {}, seed {seed}, {} cases of each property", rounds + 1, options.cases);
        round(seed, options.cases).map_err(|error| {
            format!("{error}. Again: `cargo xtask fuzz --seed {seed} --cases {}`", options.cases)
        })?;
        rounds += 1;
        if options.seed.is_some() || started.elapsed() >= limit {
            break;
        }
    }
    println!("Nothing was found in {rounds} rounds, {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn round(seed: u64, cases: u32) -> Result<()> {
    let mut tests = tests();
    tests.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", cases.to_string());
    // The input of a red test is shrunk to its core, for a while.
    tests.env("PROPTEST_MAX_SHRINK_TIME", "60000");
    run_command(&mut tests)
}

/// A debug build, for its arithmetic is checked.
fn tests() -> std::process::Command {
    let mut tests = cargo();
    tests.args(["test", "--locked", "--test", "it"]);
    tests.args(CRATES.iter().flat_map(|name| ["-p", name])).arg("--").args(FILTERS);
    // What is walked there is the same each time.
    tests.args(["--skip", "every_route"]);
    tests
}

/// Filters that fit no test of a crate are no error to cargo, and nothing would have been tried.
fn require_tests() -> Result<()> {
    let listed = tests().arg("--list").stderr(Stdio::inherit()).output()?;
    let names = String::from_utf8_lossy(&listed.stdout);
    let summaries = names.lines().filter(|line| line.contains(" tests, ") || line.contains(" test, "));
    let counts: Vec<&str> = summaries.filter_map(|line| line.split(' ').next()).collect();
    if counts.len() == CRATES.len() && !counts.contains(&"0") {
        return Ok(());
    }
    Err(format!("not each of {CRATES:?} has such tests: {counts:?}").into())
}
