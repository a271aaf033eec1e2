//! What tests share: databases, and a clock to move. Only ever a dev-dependency.
#![expect(clippy::panic, clippy::expect_used, reason = "a test that cannot be set up must stop")]

mod clock;
mod database;

pub use clock::ManualClock;
pub use database::{Backend, TestDatabase, database};
