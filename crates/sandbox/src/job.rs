//! A job of a vendor that does not answer at once: how far it is and how it ends.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Looks until a job has ended: one finds it waiting no more, one finds it further, one finds it done.
const STEPS: u32 = 3;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The vendor's name for it.
    pub(crate) id: String,
    /// What the vendor repeats of the request.
    pub(crate) request: Value,
    /// What comes of it when it succeeds, in the vendor's form.
    pub(crate) output: Value,
    /// Who is told of it and of what, as the vendor needs it; `null` when nobody is.
    pub(crate) callback: Value,
    fate: Fate,
    steps: u32,
    is_cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Succeeds,
    Fails,
    IsRefused,
    NeverEnds,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not begun.
    Waiting,
    /// It is under way.
    Running {
        /// How much of it is done.
        percent: u32,
    },
    /// It has a result.
    Succeeded,
    /// It failed, and nobody knows why.
    Failed,
    /// It failed because of its content.
    Refused,
    /// It was cancelled.
    Cancelled,
}

impl Stage {
    /// Whether nothing more happens to the job.
    pub(crate) const fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running { .. })
    }
}

impl Job {
    /// A job that ends as the fault says, or well.
    pub(crate) const fn new(id: String, request: Value, output: Value, fault: Option<Fault>) -> Self {
        let fate = match fault {
            Some(Fault::JobFailed) => Fate::Fails,
            Some(Fault::Refuse) => Fate::IsRefused,
            Some(Fault::JobStuck) => Fate::NeverEnds,
            _ => Fate::Succeeds,
        };
        Self { id, request, output, callback: Value::Null, fate, steps: 0, is_cancelled: false }
    }

    /// The same of which somebody is told.
    pub(crate) fn with_callback(self, callback: Value) -> Self {
        Self { callback, ..self }
    }

    /// How far it is.
    pub(crate) const fn stage(&self) -> Stage {
        match (self.is_cancelled, self.steps, self.fate) {
            (true, ..) => Stage::Cancelled,
            (_, 0, _) => Stage::Waiting,
            (_, 1, _) => Stage::Running { percent: 33 },
            (_, 2, _) | (_, _, Fate::NeverEnds) => Stage::Running { percent: 66 },
            (_, _, Fate::Succeeds) => Stage::Succeeded,
            (_, _, Fate::Fails) => Stage::Failed,
            (_, _, Fate::IsRefused) => Stage::Refused,
        }
    }

    /// Goes one step on, and gives how it stands then. Jobs go on when they are looked at, so that a test sees every
    /// stage however fast or slow it is.
    pub(crate) fn step(&mut self) -> Self {
        self.steps = self.steps.saturating_add(1).min(STEPS);
        self.clone()
    }

    /// Cancels it, unless it has ended, and gives how it stands then.
    pub(crate) fn cancel(&mut self) -> Self {
        self.is_cancelled = self.is_cancelled || !self.stage().is_end();
        self.clone()
    }
}
