//! How long, and by which seed.

use std::{env, path::PathBuf};

/// What each run of the tests takes at least.
const SHORT: u64 = 300;
/// So long that it comes by every point.
const LONG: u64 = 3_000;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub steps: u64,
    /// Whether every point must have been come by.
    pub is_whole: bool,
    /// Whether somebody watches, and wants to hear how it goes.
    pub is_watched: bool,
    /// Where a summary is wanted in JSON.
    pub report: Option<PathBuf>,
}

impl Plan {
    /// What `cargo xtask simulate` asks for, or what is short enough for each run of the tests.
    pub fn from_env() -> Self {
        let asked = |name: &str| env::var(format!("NEURALBOX_SIMULATE_{name}")).ok();
        let number = |name: &str| asked(name).and_then(|text| text.parse().ok());
        let steps = number("STEPS");
        Self {
            seed: number("SEED").unwrap_or(4),
            steps: steps.unwrap_or(SHORT),
            is_whole: steps.is_none_or(|steps| steps >= LONG),
            is_watched: steps.is_some(),
            report: asked("REPORT").map(PathBuf::from),
        }
    }
}
