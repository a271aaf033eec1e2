//! Real files of every kind, and files that only look like them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damaged;
mod files;
mod inspecting;
mod pictures;
mod sniffing;
mod whole;
