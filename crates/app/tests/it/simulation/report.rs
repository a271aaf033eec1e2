//! What is said of a run.

use super::{plan::Plan, points::Points};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

/// Between two words to whoever watches.
const PAUSE: Duration = Duration::from_secs(5);

/// Counts, and speaks now and then.
pub struct Report {
    started: Instant,
    spoke: Instant,
    /// Steps by what was done.
    pub acts: BTreeMap<&'static str, u64>,
    /// What came of them.
    pub outcomes: BTreeMap<String, u64>,
    /// The step by which a process had died at every point.
    pub whole_at: u64,
    /// Comparisons of state and model.
    pub looks: u64,
}

impl Report {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            spoke: now,
            acts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            whole_at: 0,
            looks: 0,
        }
    }

    pub fn count(&mut self, outcome: impl Into<String>) {
        *self.outcomes.entry(outcome.into()).or_default() += 1;
    }

    /// Says how far it is, when that has not been said for a while.
    pub fn progress(&mut self, step: u64, plan: &Plan) {
        if plan.is_watched && self.spoke.elapsed() >= PAUSE {
            self.spoke = Instant::now();
            say(&format!("step {step} of {}, {:.0} a minute", plan.steps, self.rate(step)));
        }
    }

    fn rate(&self, steps: u64) -> f64 {
        f64::from(u32::try_from(steps).unwrap_or(u32::MAX)) * 60.0 / self.started.elapsed().as_secs_f64()
    }

    /// Says what there was.
    pub fn summary(&self, steps: u64, plan: &Plan, points: &Points) {
        if !plan.is_watched {
            return;
        }
        let deaths = points.deaths();
        if let Some(path) = &plan.report {
            let summary = json!({
                "steps": steps,
                "seconds": self.started.elapsed().as_secs_f64(),
                "steps_per_minute": self.rate(steps),
                "comparisons": self.looks,
                "every_point_by_step": self.whole_at,
                "acts": self.acts,
                "outcomes": self.outcomes,
                "deaths": deaths,
            });
            fs::write(path, summary.to_string()).unwrap();
        }
        let listed = |counts: Vec<String>| counts.join(", ");
        say(&format!("acts: {}", listed(self.acts.iter().map(|(act, n)| format!("{act} {n}")).collect())));
        say(&format!(
            "came of it: {}",
            listed(self.outcomes.iter().map(|(what, n)| format!("{what} {n}")).collect())
        ));
        say(&format!("deaths: {}", listed(deaths.iter().map(|(at, n)| format!("{at} {n}")).collect())));
        say(&format!(
            "{steps} steps and {} comparisons in {:.1} s: {:.0} steps a minute; every point by step {}; missing {:?}",
            self.looks,
            self.started.elapsed().as_secs_f64(),
            self.rate(steps),
            self.whole_at,
            points.missing()
        ));
    }
}

#[expect(clippy::print_stderr, reason = "somebody watches")]
fn say(line: &str) {
    eprintln!("{line}");
}
