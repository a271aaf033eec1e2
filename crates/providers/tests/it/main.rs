#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
//! What adapters say and understand, by fixtures after the vendors' documentation; and what the client does over real
//! sockets.

mod answers;
mod conformance;
mod errors;
mod limits;
mod odd_bytes;
mod raw_server;
mod registry;
mod requests;
mod retries;
mod streams;
mod subject;
mod usage;
