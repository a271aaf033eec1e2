//! What tests share: databases, a clock to move, and the whole service on a socket. Only ever a dev-dependency.
#![expect(clippy::panic, clippy::expect_used, reason = "a test that cannot be set up must stop")]

mod billing;
mod clock;
mod database;
mod documented;
mod gate;
mod jobs;
mod look;
mod postgres_server;
mod proxy;
mod raw_server;
mod reply;
mod service;
mod spending;
mod upload;

pub use clock::ManualClock;
pub use database::{Auditor, Backend, OpenTransaction, TestDatabase, database, empty_database};
pub use gate::CommitGate;
pub use look::{eventually, pass, within};
pub use postgres_server::{PostgresServer, lasting_port};
pub use proxy::{Loss, Proxy};
pub use raw_server::{RawServer, Then, open_stream, plain, read_request};
pub use reply::{EventStream, Reply};
pub use service::{
    Account, BOT_TOKEN, KOPECKS_PER_STAR, Service, Setup, WEBHOOK_SECRET, http_client, renewal_rules, send,
};
pub use spending::Spender;
pub use upload::{Part, file, text};
