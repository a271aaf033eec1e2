//! The storage layer over real databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod guards;
mod ids;
mod ledger;
mod model;
mod nodes;
mod parallel;
mod support;
mod verify;
