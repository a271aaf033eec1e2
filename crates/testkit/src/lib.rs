//! What tests share: databases, a clock to move, and the whole service on a socket. Only ever a dev-dependency.
#![expect(clippy::panic, clippy::expect_used, reason = "a test that cannot be set up must stop")]

mod clock;
mod database;
mod jobs;
mod reply;
mod service;
mod upload;

pub use clock::ManualClock;
pub use database::{Backend, TestDatabase, database, empty_database};
pub use reply::{EventStream, Reply};
pub use service::{Account, Service, Setup, http_client, send};
pub use upload::{Part, file, text};
