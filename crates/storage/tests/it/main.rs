//! The storage layer over real databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod blobs;
mod files;
mod guards;
mod ids;
mod jobs;
mod ledger;
mod model;
mod nodes;
mod parallel;
mod support;
mod verify;
