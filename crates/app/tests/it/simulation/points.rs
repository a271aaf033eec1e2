//! Crash points: named places between two durable steps, at which a process can be made to die.

use std::{
    collections::BTreeMap,
    fmt,
    future::pending,
    pin::Pin,
    sync::{Mutex, MutexGuard},
};
use storage::{CommitWatch, Moment};
use tokio::sync::Notify;

/// What has two points, one before it and one after: transactions by what they are for, and what is asked of vendors and
/// payment services. A run of some length must have died at each of them.
const STEPS: &[&str] = &[
    "create_account",
    "create_file",
    "create_job",
    "end_cycle",
    "expire",
    "forget_job",
    "forget_sessions",
    "give_back",
    "grant",
    "hold",
    "keep_plan",
    "open_cycle",
    "release",
    "run_noted",
    "settle",
    "take_back",
    "till.create",
    "till.payment",
    "till.records",
    "till.refund",
    "vendor.call",
    "vendor.cancel",
    "vendor.make",
    "vendor.poll",
    "write_billing",
];

/// Points that are seldom come by, and are not asked for of a run of any length.
const RARE: &[&str] = &["forget_file", "till.refund_status"];

/// A place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point(pub &'static str, pub Moment);

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.1 == Moment::Before { "before" } else { "after" };
        write!(f, "{side} {}", self.0)
    }
}

/// When a process is to die in the step that comes.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// At the point that it reaches as the so-manieth.
    AtPoint(u32),
    /// At the first point at which none has died yet.
    AtNew,
}

#[derive(Default)]
struct State {
    reached: BTreeMap<Point, u64>,
    died_at: BTreeMap<Point, u64>,
    death: Option<Death>,
    passed: u32,
    /// Where the process has died that runs now.
    died: Option<Point>,
}

/// All of them, and where the process that runs now is to die.
#[derive(Default)]
pub struct Points {
    state: Mutex<State>,
    told: Notify,
}

impl Points {
    /// Says where the process is to die in the next step.
    pub fn arm(&self, death: Option<Death>) {
        let mut state = self.state();
        (state.death, state.passed) = (death, 0);
    }

    /// Where the process has died, if it has. The next one lives.
    pub fn take_death(&self) -> Option<Point> {
        let mut state = self.state();
        state.death = None;
        state.died.take()
    }

    /// Waits until the process dies.
    pub async fn death(&self) {
        loop {
            let told = self.told.notified();
            if self.state().died.is_some() {
                return;
            }
            told.await;
        }
    }

    /// Goes on, or never again.
    pub async fn reach(&self, name: &'static str, moment: Moment) {
        if self.strikes(Point(name, moment)) {
            self.told.notify_waiters();
            pending::<()>().await;
        }
    }

    /// Whether it has died at every point but the rare ones.
    pub fn missing(&self) -> Vec<String> {
        let state = self.state();
        let all = STEPS.iter().flat_map(|name| [Point(name, Moment::Before), Point(name, Moment::After)]);
        all.filter(|point| !state.died_at.contains_key(point)).map(|point| point.to_string()).collect()
    }

    /// Points that nobody has named here: a step has come to be durable.
    pub fn unknown(&self) -> Vec<String> {
        let is_known = |point: &&Point| STEPS.contains(&point.0) || RARE.contains(&point.0);
        self.state().reached.keys().filter(|point| !is_known(point)).map(ToString::to_string).collect()
    }

    /// How often it has died, by where.
    pub fn deaths(&self) -> BTreeMap<String, u64> {
        self.state().died_at.iter().map(|(point, times)| (point.to_string(), *times)).collect()
    }

    fn strikes(&self, point: Point) -> bool {
        let mut state = self.state();
        if state.died.is_some() {
            // What else the process was about to do.
            return true;
        }
        *state.reached.entry(point).or_default() += 1;
        state.passed += 1;
        let strikes = match state.death {
            None => false,
            Some(Death::AtPoint(place)) => state.passed == place,
            Some(Death::AtNew) => !state.died_at.contains_key(&point),
        };
        if strikes {
            *state.died_at.entry(point).or_default() += 1;
            state.died = Some(point);
        }
        strikes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl CommitWatch for Points {
    fn reached(&self, step: &'static str, moment: Moment) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.reach(step, moment))
    }
}
