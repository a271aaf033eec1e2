//! The use-cases as a whole, below HTTP.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that finds something unexpected must stop")]

mod simulation;
