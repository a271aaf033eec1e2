//! The sandbox as its clients see it, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::panic, reason = "a test that cannot go on should stop")]

mod answers;
mod control;
mod faults;
mod lab;
mod lifecycle;
mod refusals;
