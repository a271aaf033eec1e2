//! How long the database takes over what one account looks up of a million generations. `cargo xtask bench history` runs it;
//! numbers are printed, and nothing is asserted.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "it talks to people, and stops where it cannot go on"
)]

#[path = "history/fill.rs"]
mod fill;
#[path = "history/queries.rs"]
mod queries;

use domain::port::Clock;
use queries::Measured;
use std::{env, sync::Arc};
use testkit::{Backend, ManualClock};

/// Generations of the account that is asked about, where it is not said.
const GENERATIONS: i64 = 1_000_000;

#[tokio::main]
async fn main() {
    let generations = env::var("NEURALBOX_BENCH_GENERATIONS").ok().and_then(|count| count.parse().ok());
    let generations = generations.unwrap_or(GENERATIONS);
    let mut columns = Vec::new();
    for (name, backend) in [("postgres", Backend::Postgres), ("sqlite", Backend::Sqlite)] {
        let Some(database) = testkit::database(backend).await else {
            eprintln!("{name}: left out");
            continue;
        };
        let clock = Arc::new(ManualClock::default());
        fill::fill(&database, backend, generations, clock.now()).await;
        let storage = database.storage(clock.clone()).await;
        eprintln!("{name}: measuring");
        columns.push((name, queries::measure(&storage, generations, clock.now()).await));
    }
    if env::args().any(|argument| argument == "--json") {
        println!("{}", to_json(generations, &columns));
    } else {
        print_table(generations, &columns);
    }
}

fn print_table(generations: i64, columns: &[(&str, Vec<Measured>)]) {
    println!("An account of {generations} generations: median database time, in milliseconds\n");
    let Some((_, first)) = columns.first() else { return };
    let names: String = columns.iter().map(|(name, _)| format!("{name:>12}")).collect();
    println!("{:<48}{names}", "");
    for (row, Measured { what, .. }) in first.iter().enumerate() {
        let cells = columns.iter().filter_map(|(_, column)| Some(column.get(row)?.median_us));
        let cells: String = cells.map(|us| format!("{:>8}.{:03}", us / 1_000, us % 1_000)).collect();
        println!("{what:<48}{cells}");
    }
}

/// Nothing in it has to be escaped.
fn to_json(generations: i64, columns: &[(&str, Vec<Measured>)]) -> String {
    let column = |(name, column): &(&str, Vec<Measured>)| {
        let cells: Vec<String> = column
            .iter()
            .map(|Measured { what, median_us }| format!("{{\"query\":\"{what}\",\"median_us\":{median_us}}}"))
            .collect();
        format!("\"{name}\":[{}]", cells.join(","))
    };
    let columns: Vec<String> = columns.iter().map(column).collect();
    format!("{{\"generations\":{generations},{}}}", columns.join(","))
}
