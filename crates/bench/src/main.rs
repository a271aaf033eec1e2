//! Measures NeuralBox from outside. `cargo xtask bench` builds and runs it. Numbers are printed, never asserted: they say how
//! busy a machine is, too.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to people")]

mod accounts;
mod clock;
mod database;
mod http;
mod ledger;
mod load;
mod measure;
mod process;
mod row;
mod server;
mod stream;
mod upstream;
mod wire;

use clap::Parser;
use row::{Report, Row};
use std::{error::Error, process::ExitCode};
use tokio::runtime::Builder;

/// An error is a message for the person at the terminal.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// NeuralBox under load.
#[derive(Parser)]
struct Cli {
    /// What to measure
    #[arg(value_enum)]
    subject: Subject,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// The ledger alone, and the same work statement by statement
    Ledger,
    /// Generations over HTTP
    Http,
    /// Streams
    Stream,
    /// All of these
    All,
    /// Be the vendor that the others ask
    Upstream,
}

#[derive(clap::Args)]
struct Options {
    /// A PostgreSQL on which databases may be made; what one commits there must reach the disk
    #[arg(long)]
    postgres: String,
    /// The ledger on this database alone
    #[arg(long, value_enum)]
    database: Option<database::Kind>,
    /// How many generate at the same time, for the ledger
    #[arg(long, value_delimiter = ',', default_values_t = [32, 64, 128, 256])]
    tasks: Vec<usize>,
    /// How many connections ask at the same time, where it is not one
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many streams are open at the same time
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// For how many accounts, where it is not one
    #[arg(long, default_value_t = 1_000)]
    accounts: usize,
    /// How long each row is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many generations, for how memory grows; left out where it is not said
    #[arg(long)]
    generations: Option<u64>,
    /// The gateway gets the first core, and all else the second
    #[arg(long)]
    pin: bool,
    /// Print JSON in place of a table: one object a row
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(Some(report)) if cli.options.json => println!("{}", report.to_json()),
        Ok(Some(report)) => println!("{}", report.to_table()),
        Ok(None) => {}
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(Cli { subject, options }: &Cli) -> Result<Option<Report>> {
    let is_asked = |one: Subject| *subject == one || *subject == Subject::All;
    // The ledger's callers are many tasks of one process; whoever asks over HTTP is to take no more than one core.
    let (many, one) = (
        Builder::new_multi_thread().enable_all().build()?,
        Builder::new_current_thread().enable_all().build()?,
    );
    if *subject == Subject::Upstream {
        one.block_on(upstream::serve())?;
        return Ok(None);
    }
    let mut rows: Vec<Row> = Vec::new();
    if is_asked(Subject::Ledger) {
        rows.extend(many.block_on(ledger::run(options))?);
    }
    if options.pin {
        process::pin(process::own(), process::OTHER_CORE)?;
    }
    if is_asked(Subject::Http) {
        rows.extend(one.block_on(http::run(options))?);
    }
    if is_asked(Subject::Stream) {
        rows.extend(one.block_on(stream::run(options))?);
    }
    Ok(Some(Report { rows, notes: notes(options)? }))
}

/// What the rows depend on besides the code.
fn notes(options: &Options) -> Result<Vec<String>> {
    let cores = std::thread::available_parallelism()?;
    let place = if options.pin {
        "the gateway on one, all else on another"
    } else {
        "shared by all of these processes"
    };
    Ok(vec![
        "CPU in milliseconds a request (or generation, or word of a stream); times a second / 1000: cores kept busy.".to_owned(),
        format!("{cores} cores, {place}. Load of the machine, all of this included: {}", process::load_average()?),
        process::flush_note()?,
    ])
}
