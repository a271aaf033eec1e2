//! Who is killed when, and for how long.

use super::order::pick;
use rand::{RngExt, rngs::StdRng};
use std::time::Duration;

/// What is killed at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// After so long without one.
    pub(super) pause: Duration,
    /// Processes by their place in the fleet.
    pub(super) processes: Vec<usize>,
    /// Whether the database's server ends too, at once.
    pub(super) is_database: bool,
    /// How long all of that is away.
    pub(super) down: Duration,
}

impl Kill {
    /// The next one of a run with so many processes, on a database that can be killed or cannot.
    pub(super) fn draw(rng: &mut StdRng, processes: usize, has_server: bool) -> Self {
        let all = (0..processes).collect::<Vec<_>>();
        let (processes, is_database) = match rng.random_range(0..100) {
            0..25 if has_server => (Vec::new(), true),
            25..30 if has_server => (all, true),
            30..40 => (all, false),
            40..55 => {
                let (one, other) = (pick(rng, &all), pick(rng, &all));
                (if one == other { vec![one] } else { vec![one, other] }, false)
            }
            _ => (vec![pick(rng, &all)], false),
        };
        // Mostly for a moment, and now and then for longer than clients and statements wait.
        let down_ms =
            if rng.random_bool(0.1) { rng.random_range(2_000..6_000) } else { rng.random_range(0..1_200) };
        Self {
            pause: Duration::from_millis(rng.random_range(300..3_500)),
            processes,
            is_database,
            down: Duration::from_millis(down_ms),
        }
    }
}
