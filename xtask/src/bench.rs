//! Measurements. Numbers are printed, never asserted: what a test asserts must not depend on how busy a machine is.

use crate::{Result, cargo, clients::target, postgres};
use std::{env, fs, process::Command};

/// Of the server, for one without a ledger.
const FEATURE: &str = "bench-no-ledger";
/// Raises the limit on open files as far as it goes, for a thousand streams, and goes on as the rest of its arguments.
const WITH_MANY_FILES: &str = r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum, default_value_t = Subject::All)]
    subject: Subject,
    /// Print JSON in place of a table: one object a row
    #[arg(long)]
    json: bool,
    /// How long each row is measured
    #[arg(long)]
    seconds: Option<u64>,
    /// How many generations: in a row over HTTP, to see memory grow; or of the account whose history is looked up
    #[arg(long)]
    generations: Option<u64>,
    /// The gateway gets the first core, and all else the second
    #[arg(long)]
    pin: bool,
    /// Passed on to the load generator: `-- --help` names them
    #[arg(last = true, value_name = "ARGS")]
    load_args: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// The ledger alone, without HTTP, and the same work statement by statement
    Ledger,
    /// Generations over HTTP, the upstream without a gateway, a gateway without a ledger, start-up
    Http,
    /// Streams: the first word, whether words come when they are sent, and a thousand open ones
    Stream,
    /// The three above
    All,
    /// Pricing, decoding, authentication: functions by themselves
    Micro,
    /// What the database takes for what one account looks up of a million generations
    History,
}

impl Subject {
    /// What the load generator calls it.
    fn of_load(self) -> Option<&'static str> {
        match self {
            Self::Ledger => Some("ledger"),
            Self::Http => Some("http"),
            Self::Stream => Some("stream"),
            Self::All => Some("all"),
            Self::Micro | Self::History => None,
        }
    }
}

pub(crate) fn start(options: &Options) -> Result<()> {
    match (options.subject, options.subject.of_load()) {
        (Subject::Micro, _) => run(cargo()
            .args(["bench", "--locked", "-p", "bench", "--bench", "micro", "--"])
            .args(&options.load_args)),
        (_, Some(subject)) => load(subject, options),
        (_, None) => history(options),
    }
}

/// `crates/bench` says what is measured.
fn load(subject: &str, options: &Options) -> Result<()> {
    let bin = postgres::find_or_install()?;
    build(&["-p", "bench"])?;
    if subject != "ledger" {
        build_servers()?;
    }
    let cluster = postgres::Cluster::start_durable(&bin)?;
    let mut bench = Command::new("sh");
    bench.args(["-c", WITH_MANY_FILES, "sh"]).arg(target()?.join("release/bench"));
    bench.args([subject, "--postgres", &cluster.url()]);
    for (name, is_set) in [("--json", options.json), ("--pin", options.pin)] {
        if is_set {
            bench.arg(name);
        }
    }
    for (name, value) in [("--seconds", options.seconds), ("--generations", options.generations)] {
        if let Some(value) = value {
            bench.args([name, &value.to_string()]);
        }
    }
    run(bench.args(&options.load_args))
}

/// The server as it is shipped, last; and before that one without a ledger, which is put aside.
fn build_servers() -> Result<()> {
    build(&["-p", "neuralbox", "--features", FEATURE])?;
    let release = target()?.join("release");
    fs::rename(release.join("neuralbox"), release.join("neuralbox-no-ledger"))?;
    build(&["-p", "neuralbox"])
}

fn build(what: &[&str]) -> Result<()> {
    run(cargo().args(["build", "--release", "--locked"]).args(what))
}

/// `crates/storage/benches/history.rs` says what is measured.
fn history(options: &Options) -> Result<()> {
    let mut bench = cargo();
    bench.args(["bench", "--locked", "-p", "storage", "--bench", "history", "--"]);
    if options.json {
        bench.arg("--json");
    }
    if let Some(generations) = options.generations {
        bench.env("NEURALBOX_BENCH_GENERATIONS", generations.to_string());
    }
    // Dropped when it has ended.
    let mut cluster = None;
    if env::var(postgres::URL_VARIABLE).unwrap_or_default().is_empty() {
        let own = cluster.insert(postgres::Cluster::start(&postgres::find_or_install()?)?);
        bench.env(postgres::URL_VARIABLE, own.url());
    }
    run(&mut bench)
}

/// Says nothing on standard output, where there may be JSON.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark ended with {status}").into()) }
}
