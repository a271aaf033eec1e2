//! Generations: what may begin, what each holds, and how it may end.

use super::{
    Account, At, HOUR_MS, MINUTE_MS,
    prices::{SOLD, Sold, Way, plan, rank},
};
use crate::simulation::{process::ANSWER_MS, rows::Row, vendor::End};
use app::GenerationStatus;

const DAY_MS: i64 = 24 * HOUR_MS;
/// Milliseconds after its deadline at which a hold goes back, whoever works on it.
const OVERDUE_MS: i64 = 10 * MINUTE_MS;
/// By which a process may take a deadline for a little later.
const SLACK_MS: i64 = 5_000;
/// After so much a job is due to be asked after, whatever came of the last time: its longest pause, and the lease of a worker
/// that died.
const POLLED_WITHIN_MS: i64 = 150_000;
/// For so long a name is kept at least.
const NAMED_MS: i64 = DAY_MS;

/// How far a generation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Completed,
    Failed,
}

impl State {
    pub fn of(status: GenerationStatus) -> Self {
        match status {
            GenerationStatus::Pending => Self::Open,
            GenerationStatus::Completed => Self::Completed,
            GenerationStatus::Failed => Self::Failed,
        }
    }
}

/// A generation.
#[derive(Clone, Debug)]
pub struct Generation {
    pub sold: usize,
    pub plan: i64,
    pub permanent: i64,
    pub cycle: Option<i64>,
    pub state: State,
    pub at_ms: i64,
    /// The process that began it.
    pub process: u32,
    /// Whether it is known to go on as a job.
    pub is_job: bool,
    pub is_refunded: bool,
    /// Plan tokens of it that came back when it was.
    pub plan_back: i64,
}

/// A name under which something was asked for.
#[derive(Clone, Debug)]
pub struct Name {
    /// What was asked for.
    pub words: String,
    pub sold: usize,
    pub generation: i64,
    pub at_ms: i64,
}

/// What a request for a generation must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// A new one begins.
    Begins,
    /// It is the same as that one.
    Repeats(i64),
    /// Its name is old: either, as far as anybody promises.
    MayRepeat(i64),
    Conflict,
    InsufficientPlan,
    RateLimited,
    InsufficientTokens,
}

impl Generation {
    pub fn sold(&self) -> &'static Sold {
        &SOLD[self.sold]
    }

    pub fn price(&self) -> i64 {
        self.sold().price
    }

    fn deadline_ms(&self) -> i64 {
        self.at_ms + if self.sold().way == Way::Job { self.sold().job_ms } else { ANSWER_MS }
    }
}

impl Account {
    /// What a request would come to now.
    pub fn foresee(&self, now_ms: i64, sold: usize, name: Option<&(String, String)>) -> Foreseen {
        if let Some((name, words)) = name
            && let Some(known) = self.names.get(name)
        {
            let is_kept = now_ms - known.at_ms < NAMED_MS;
            let is_same = known.words == *words && known.sold == sold;
            return match (is_kept, is_same) {
                (true, true) => Foreseen::Repeats(known.generation),
                (true, false) => Foreseen::Conflict,
                (false, _) => Foreseen::MayRepeat(known.generation),
            };
        }
        let asked = &SOLD[sold];
        if rank(self.plan(now_ms)) < rank(asked.min_plan) {
            return Foreseen::InsufficientPlan;
        }
        if self.is_limited(now_ms) {
            return Foreseen::RateLimited;
        }
        if self.spendable(now_ms) < asked.price { Foreseen::InsufficientTokens } else { Foreseen::Begins }
    }

    /// The plan in force.
    pub fn plan(&self, now_ms: i64) -> &str {
        let cycle = self.cycle.as_ref().filter(|cycle| now_ms < cycle.plan_until_ms);
        cycle.map_or("free", |cycle| &cycle.plan)
    }

    fn is_limited(&self, now_ms: i64) -> bool {
        let limits = plan(self.plan(now_ms));
        let is_full = |limit: i64, length_ms: i64, (started_ms, count): (i64, i64)| {
            limit > 0 && count >= limit && now_ms < started_ms + length_ms
        };
        is_full(limits.hourly, HOUR_MS, self.hour) || is_full(limits.daily, DAY_MS, self.day)
    }

    pub(super) fn absorb_generations(&mut self, at: &At<'_>, rows: &[Row], wrong: &mut Vec<String>) {
        let mut begun = 0;
        for row in rows {
            let id = row.number("id");
            if !self.generations.contains_key(&id) {
                begun += 1;
                self.begin(at, id, row, wrong);
            }
            self.advance(at, id, row, wrong);
        }
        if begun > 1 {
            wrong.push(format!("{begun} generations for one request"));
        }
    }

    fn begin(&mut self, at: &At<'_>, id: i64, row: &Row, wrong: &mut Vec<String>) {
        let asked = at.doing.begins.as_ref().filter(|_| at.doing.account == self.id);
        let Some((sold, name)) = asked else {
            return wrong.push(format!("a generation that nobody asked for: {row:?}"));
        };
        match self.foresee(at.now_ms, *sold, name.as_ref()) {
            Foreseen::Begins | Foreseen::MayRepeat(_) => {}
            other => wrong.push(format!("a generation began that is {other:?}: {row:?}")),
        }
        let price = SOLD[*sold].price;
        let plan = self.spendable_plan(at.now_ms).min(price);
        let permanent = price - plan;
        if let Some(cycle) = &mut self.cycle {
            cycle.free -= plan;
        }
        let cycle = self.cycle.as_ref().filter(|_| plan > 0).map(|cycle| cycle.id);
        let held = (row.number("price_tokens"), row.number("plan_tokens"), row.number("permanent_tokens"));
        if held != (price, plan, permanent) || row.some("cycle_id") != cycle {
            wrong.push(format!("{plan} plan tokens and {permanent} of {price} were to be held: {row:?}"));
        }
        if row.text("model_slug") != SOLD[*sold].slug {
            wrong.push(format!("{} was asked for: {row:?}", SOLD[*sold].slug));
        }
        for (window, length_ms) in [(&mut self.hour, HOUR_MS), (&mut self.day, DAY_MS)] {
            if window.1 == 0 || at.now_ms >= window.0 + length_ms {
                *window = (at.now_ms, 0);
            }
            window.1 += 1;
        }
        if let Some((name, words)) = name {
            let known = Name { words: words.clone(), sold: *sold, generation: id, at_ms: at.now_ms };
            self.names.insert(name.clone(), known);
        }
        let generation = Generation {
            sold: *sold,
            plan,
            permanent,
            cycle,
            state: State::Open,
            at_ms: at.now_ms,
            process: at.process,
            is_job: false,
            is_refunded: false,
            plan_back: 0,
        };
        self.generations.insert(id, generation);
    }

    fn advance(&mut self, at: &At<'_>, id: i64, row: &Row, wrong: &mut Vec<String>) {
        let Some(generation) = self.generations.get(&id).cloned() else { return };
        let state = match row.text("status") {
            "completed" => State::Completed,
            "failed" => State::Failed,
            _ => State::Open,
        };
        if state == generation.state {
            return;
        }
        if at.world.vendor.asked(id) > 1 {
            wrong.push(format!("its vendor was asked more than once: {row:?}"));
        }
        if generation.state != State::Open {
            return wrong.push(format!("a generation ended twice: {generation:?}, {row:?}"));
        }
        if state == State::Completed {
            if !at.world.vendor.has_answered(id) {
                wrong.push(format!("completed, and its vendor has not answered: {row:?}"));
            }
            self.permanent.spend(generation.permanent);
            self.enter("charge", id, ("plan", "spent"), generation.plan);
            self.enter("charge", id, ("permanent", "spent"), generation.permanent);
        } else {
            if !self.may_fail(at, id, &generation) {
                wrong.push(format!("failed without a reason: {generation:?}, {row:?}"));
            }
            let runs = self.running(at.now_ms).is_some_and(|cycle| Some(cycle) == generation.cycle);
            match &mut self.cycle {
                Some(cycle) if runs => cycle.free += generation.plan,
                _ => self.enter("late_release", id, ("plan", "expired"), generation.plan),
            }
        }
        if let Some(ended) = self.generations.get_mut(&id) {
            ended.state = state;
        }
    }

    fn may_fail(&self, at: &At<'_>, id: i64, generation: &Generation) -> bool {
        let (vendor, doing) = (&at.world.vendor, at.doing);
        let is_orphan = generation.process != at.process;
        let is_overdue = at.now_ms >= generation.deadline_ms() + OVERDUE_MS;
        let has_job = vendor.job(id).is_some();
        vendor.has_failed(id)
            || doing.cancels == Some(id)
            || doing.stops && !generation.is_job
            || doing.recovers && !generation.is_job && (is_orphan || is_overdue)
            || doing.polls && has_job && at.now_ms >= generation.deadline_ms()
    }

    /// What is open must have a reason to be.
    pub(super) fn demand_ends(&mut self, at: &At<'_>, wrong: &mut Vec<String>) {
        let vendor = &at.world.vendor;
        for (id, generation) in &mut self.generations {
            if generation.state != State::Open {
                continue;
            }
            let is_own = generation.process == at.process;
            let is_job = generation.sold().way == Way::Job;
            // A process that lives has kept the job before it says so; of one that died it is seen when its holds went back.
            let is_known = is_own || at.doing.finds_dead;
            generation.is_job |= is_known && is_job && vendor.job(*id).is_some();
            let late_ms = at.now_ms - generation.deadline_ms();
            let is_left = match (is_job, is_own) {
                (false, true) if vendor.has_answered(*id) || vendor.has_failed(*id) => {
                    Some("its vendor has spoken")
                }
                (true, true) if vendor.job(*id).is_none() => Some("there is no job"),
                _ if at.doing.finds_dead && !is_own && !generation.is_job => Some("its process is dead"),
                _ if at.doing.recovers
                    && !generation.is_job
                    && !is_job
                    && late_ms > OVERDUE_MS + SLACK_MS =>
                {
                    Some("it is overdue")
                }
                _ => None,
            };
            if let Some(why) = is_left {
                wrong.push(format!("generation {id} is still open, and {why}: {generation:?}"));
            }
            let since_ms = at.polled_before_ms.max(generation.at_ms);
            let is_surely_due = at.doing.polls && at.now_ms - since_ms > POLLED_WITHIN_MS;
            let has_end = matches!(vendor.job(*id), Some(Some(End::Answer | End::Fail))) && !vendor.is_down();
            let is_over = late_ms > POLLED_WITHIN_MS;
            if generation.is_job && is_surely_due && (is_over || has_end) {
                wrong.push(format!("job {id} is not ended: {generation:?}, {:?}", vendor.job(*id)));
            }
        }
    }
}
