//! What people pay, when, and what it is still worth.

mod cycles;
mod lots;
mod renewals;
mod report;
mod worth;

use domain::time::{Day, Timestamp};

/// Midnight of that day, `YYYY-MM-DD`.
fn day(text: &str) -> Timestamp {
    Day::parse(text).unwrap().starts_at()
}
