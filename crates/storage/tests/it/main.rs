//! The storage layer over real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod adjusting;
mod admission;
mod billing;
mod blobs;
mod erasure;
mod files;
mod guards;
mod ids;
mod jobs;
mod ledger;
mod migrations;
mod model;
mod nodes;
mod operator;
mod overload;
mod parallel;
mod remembered;
mod report;
mod sessions;
mod support;
mod usage;
mod verify;
mod webhooks;
