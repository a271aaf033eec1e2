//! How long, and by which seed.

use std::{env, path::PathBuf, time::Duration};
use testkit::Backend;

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) backend: Backend,
    pub(super) seed: u64,
    pub(super) until: Until,
    /// Tens of clients.
    pub(super) crowd: usize,
    /// Where to write the verdict, for whoever asked for the run.
    pub(super) report: Option<PathBuf>,
}

/// When kills end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// After so long.
    Time(Duration),
    /// After so many.
    Kills(u64),
}

impl Plan {
    /// What `cargo xtask crash-test` asks for, or what is small enough for each run of the tests.
    pub(super) fn from_env(backend: Backend) -> Self {
        let asked = |name: &str| env::var(format!("NEURALBOX_CRASH_{name}")).ok();
        let number = |name: &str| asked(name).map(|text| text.parse::<u64>().expect("a number"));
        let kills = number("KILLS").map(Until::Kills);
        let time = number("SECONDS").map(|seconds| Until::Time(Duration::from_secs(seconds)));
        Self {
            backend,
            seed: number("SEED").unwrap_or(20_261_122),
            until: kills.or(time).unwrap_or(Until::Kills(5)),
            crowd: if kills.or(time).is_some() { 4 } else { 1 },
            report: asked("REPORT").map(PathBuf::from),
        }
    }

    /// The name of its database.
    pub(super) const fn database(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
        }
    }
}
