//! Processes that are killed under load, over and over, with their database; and at the end everything is held against what
//! clients were told.
//!
//! Servers and workers are processes of the binary, killed with SIGKILL; PostgreSQL is one of the test's own, ended by an
//! immediate shutdown. Vendors and the payment service are a sandbox in this process: like real ones, they outlive ours.
//! Clients quote, generate, stream, wait for jobs, cancel, buy, lose patience, and repeat what has a name until there is an
//! answer (`client`). They write down what they were told (`record`). In the end nothing fails any more, whatever runs must
//! come to its end in its time (`settle`), and the books are compared (`check`).
//!
//! `cargo xtask crash-test` runs it at length. A seed gives the kills and what clients ask. What it does not give is when
//! exactly a kill strikes, so a run that failed may need a few repeats.

mod answer;
mod books;
mod check;
mod client;
mod fleet;
mod kills;
mod order;
mod plan;
mod record;
mod report;
mod settings;
mod settle;
mod shop;
mod world;

use plan::Plan;
use testkit::{Backend, PostgresServer, TestDatabase};
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_and_ledger_agree_after_crashes_on_sqlite() {
    let database = testkit::database(Backend::Sqlite).await.expect("a file is always to be had");
    World::new(Plan::from_env(Backend::Sqlite), database, None).await.live().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_and_ledger_agree_after_crashes_on_postgres() {
    let Some(server) = PostgresServer::start().await else { return };
    let database = TestDatabase::of_server(&server).await;
    World::new(Plan::from_env(Backend::Postgres), database, Some(server)).await.live().await;
}
