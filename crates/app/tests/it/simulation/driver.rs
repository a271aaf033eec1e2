//! One step after the other: something is done, and what has become of it is looked at.

use super::{
    model::{Account, DAY_MS, Doing, HOUR_MS, MINUTE_MS, Model},
    plan::Plan,
    points::{Death, Point},
    process::{Process, World},
    report::Report,
    rows::{self, Look},
};
use app::{App, Error};
use domain::port::Clock;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::hash::{DefaultHasher, Hash, Hasher};
use testkit::{Auditor, Backend, TestDatabase};
use tokio::runtime::{Builder, Runtime};

/// Accounts that are looked after at the same time, about.
const ACCOUNTS: usize = 6;
/// Steps between two comparisons of everything that ever was.
const WHOLE: u64 = 200;
/// Of a thousand steps, so many find the process about to die.
const DEATHS: u32 = 60;
/// A run goes on for so many times its length, at most, until it has come by every point.
const MOST_TIMES: u64 = 8;
/// Rounds after which workers should have nothing to do at one instant.
const MOST_ROUNDS: usize = 60;
/// Heartbeats in a minute, and between two of them.
const BEATS: i64 = 6;
const BEAT_MS: i64 = 10_000;
/// Instants at which something is due that are not passed over, in one step.
const MOST_HOPS: usize = 10;

/// All that takes part.
pub struct Simulation {
    pub plan: Plan,
    pub rng: StdRng,
    pub world: World,
    pub model: Model,
    pub report: Report,
    process: Option<Process>,
    /// Messages of the payment service that are on their way.
    pub post: Vec<String>,
    /// Accounts that were opened.
    pub opened: u64,
    auditor: Auditor,
    database: TestDatabase,
    /// For what looks at the database, whoever has died.
    outer: Runtime,
    step: u64,
    act: &'static str,
    log: DefaultHasher,
    backend: Backend,
}

/// Whatever made it fail, a panic of the service's own too, can be had again.
impl Drop for Simulation {
    #[expect(clippy::print_stderr, reason = "whoever has a red run wants to have it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, step, act) = (self.plan.seed, self.step, self.act);
            let database = if self.backend == Backend::Sqlite { "sqlite" } else { "postgres" };
            eprintln!(
                "seed {seed}, step {step} ({act}); again: cargo xtask simulate --seed {seed} --steps {step} \
                 --database {database}"
            );
        }
    }
}

impl Simulation {
    /// `None` where there is no such database on purpose.
    pub fn new(plan: Plan, backend: Backend) -> Option<Self> {
        let outer = Builder::new_current_thread().enable_all().build().unwrap();
        let database = outer.block_on(testkit::database(backend))?;
        let auditor = outer.block_on(database.auditor());
        let world = World::new();
        let process = Some(Process::start(&world, &database));
        Some(Self {
            rng: StdRng::seed_from_u64(plan.seed),
            plan,
            world,
            model: Model::default(),
            report: Report::new(),
            process,
            post: Vec::new(),
            opened: 0,
            auditor,
            database,
            outer,
            step: 0,
            act: "",
            log: DefaultHasher::new(),
            backend,
        })
    }

    /// Lives through all of it, and says what there was.
    pub fn run(&mut self) {
        self.live();
        self.report.summary(self.step, &self.plan, &self.world.points);
        let unknown = self.world.points.unknown();
        assert!(unknown.is_empty(), "durable steps that `points` does not name: {unknown:?}");
        if self.plan.is_whole {
            let missing = self.world.points.missing();
            assert!(missing.is_empty(), "seed {}: nobody died {missing:?}", self.plan.seed);
        }
    }

    /// Lives through all of it; what comes back stands for everything that happened.
    pub fn live(&mut self) -> u64 {
        while self.model.accounts.len() < 3 {
            self.open_account();
        }
        while !self.is_over() {
            self.step += 1;
            self.tick();
            let act = self.choose();
            self.arm(act);
            self.act = act;
            *self.report.acts.entry(act).or_default() += 1;
            self.perform(act);
            self.world.points.arm(None);
            if self.step.is_multiple_of(WHOLE) {
                self.compare_all();
            }
            self.report.progress(self.step, &self.plan);
        }
        self.act = "the end";
        self.recover();
        self.compare_all();
        self.log.finish()
    }

    /// Whether enough was done. A run that must come by every point goes on for a while until it has.
    fn is_over(&self) -> bool {
        let has_time = self.plan.is_whole && self.step < MOST_TIMES * self.plan.steps;
        self.step >= self.plan.steps && (!has_time || self.world.points.missing().is_empty())
    }

    /// Says where the process is to die: at a point that is new, as long as there are such, and else now and then anywhere.
    fn arm(&mut self, act: &str) {
        let most = if act == "pass time" { 80 } else { 14 };
        let (roll, place) = (self.rng.random_range(0..1_000), self.rng.random_range(1..=most));
        let seeks_new = self.rng.random_bool(0.7) && !self.world.points.missing().is_empty();
        let death =
            if seeks_new { Some(Death::AtNew) } else { (roll < DEATHS).then_some(Death::AtPoint(place)) };
        self.world.points.arm(death);
    }

    pub fn now_ms(&self) -> i64 {
        self.world.clock.now().unix_ms()
    }

    /// No two things happen at the same time.
    pub fn tick(&mut self) {
        let ms = self.rng.random_range(1..400);
        self.world.clock.advance_ms(ms);
    }

    pub fn process(&mut self) -> &mut Process {
        let (world, database) = (&self.world, &self.database);
        self.process.get_or_insert_with(|| Process::start(world, database))
    }

    pub fn app(&mut self) -> App {
        self.process().app.clone()
    }

    /// Does something in the process; `None` when that dies meanwhile, which `doing` then says.
    pub fn attempt<T>(&mut self, doing: &mut Doing, work: impl Future<Output = T>) -> Option<T> {
        let done = self.process().run(work);
        doing.died = done.is_none();
        if doing.died {
            self.process = None;
        }
        done
    }

    /// Holds everything against the model.
    pub fn look(&mut self, doing: &Doing) {
        let accounts: Vec<i64> = self.model.accounts.keys().copied().collect();
        let open = self.model.open();
        let look = Look {
            accounts: &accounts,
            generations: &open,
            newest: self.model.newest,
            from_ms: if doing.from_ms == 0 { self.now_ms() } else { doing.from_ms },
            with_billing: doing.moves_money(),
        };
        let seen = self.outer.block_on(rows::see(&self.auditor, &look));
        self.report.looks += 1;
        let now_ms = self.now_ms();
        let wrong = self.model.absorb(now_ms, doing, &seen, &self.world);
        for wallet in &seen.wallets {
            let numbers = ["plan_available", "permanent_available", "plan_held", "permanent_held"];
            numbers.map(|column| wallet.number(column)).hash(&mut self.log);
        }
        (self.step, now_ms, seen.entries.len()).hash(&mut self.log);
        self.assert(wrong, doing);
        // What is entered from now on has not been seen yet.
        self.world.clock.advance_ms(1);
        if doing.died {
            self.rise();
        }
    }

    pub fn assert(&mut self, wrong: Vec<String>, doing: &impl std::fmt::Debug) {
        let (seed, step, act) = (self.plan.seed, self.step, self.act);
        let at = self.world.clock.now();
        assert!(
            wrong.is_empty(),
            "seed {seed}, step {step} ({act}), {at}, after {doing:?}:\n{}",
            wrong.join("\n")
        );
    }

    /// Another process after one that died.
    fn rise(&mut self) {
        if let Some(point) = self.world.points.take_death() {
            self.note_death(point);
        }
        self.world.vendor.forget_waiting();
        self.world.till.break_next(None);
        self.model.process += 1;
        self.process();
        if self.rng.random_bool(0.6) {
            self.recover();
        }
    }

    pub fn note_death(&mut self, point: Point) {
        self.report.count("died");
        if self.world.points.missing().is_empty() && self.report.whole_at == 0 {
            self.report.whole_at = self.step;
        }
        point.to_string().hash(&mut self.log);
    }

    /// The process ends in order, and another begins.
    pub fn restart(&mut self) {
        let app = self.app();
        let mut doing = Doing { stops: true, ..Doing::default() };
        self.attempt(&mut doing, async {
            app.shut_down().await;
            app.sign_off().await;
        });
        self.look(&doing);
        if !doing.died {
            self.process = None;
            self.world.vendor.forget_waiting();
            self.model.process += 1;
            self.process();
        }
    }

    /// What a process does that has just started: within a minute it has found what others left. `false` when it dies.
    pub fn recover(&mut self) -> bool {
        let from_ms = self.now_ms();
        // Where something changes by the time alone meanwhile, each round is looked at.
        let until_ms = from_ms + BEATS * BEAT_MS;
        let changes = self.model.accounts.values().any(|account| account.changes_between(from_ms, until_ms));
        let (rounds, beats) = if changes { (BEATS, 1) } else { (1, BEATS) };
        for round in 1..=rounds {
            let (app, clock) = (self.app(), self.world.clock.clone());
            let mut doing = Doing { recovers: true, finds_dead: round == rounds, ..Doing::default() };
            doing.from_ms = self.now_ms();
            let done = self.attempt(&mut doing, async move {
                for _ in 0..beats {
                    clock.advance_ms(BEAT_MS);
                    app.heartbeat().await?;
                    app.release_own_lost_holds().await?;
                    app.recover().await?;
                }
                Ok(())
            });
            self.expect(done);
            self.look(&doing);
            if doing.died {
                return false;
            }
        }
        true
    }

    /// Time passes; workers do what is due when it is, or later.
    pub fn pass_time(&mut self) {
        let ms = match self.rng.random_range(0..100) {
            0..15 => self.rng.random_range(1..2_000),
            15..35 => self.rng.random_range(2_000..10 * MINUTE_MS),
            35..55 => self.rng.random_range(MINUTE_MS..5 * HOUR_MS),
            55..75 => self.rng.random_range(HOUR_MS..3 * DAY_MS),
            _ => self.rng.random_range(DAY_MS..33 * DAY_MS),
        };
        let until_ms = self.now_ms() + ms;
        // Nobody works for a while.
        if self.rng.random_bool(0.2) {
            self.world.clock.advance_ms(ms);
            self.work();
            return;
        }
        for _ in 0..MOST_HOPS {
            let now_ms = self.now_ms();
            let due_ms = self.outer.block_on(rows::next_due_ms(&self.auditor, now_ms));
            let to_ms = due_ms.unwrap_or(until_ms).max(now_ms + 1).min(until_ms.max(now_ms + 1));
            self.world.clock.advance_ms(to_ms - now_ms);
            if !self.work() || to_ms >= until_ms {
                return;
            }
        }
        let left_ms = until_ms - self.now_ms();
        self.world.clock.advance_ms(left_ms.max(1));
        self.work();
    }

    /// A round of everything that workers do. `false` when the process dies.
    pub fn work(&mut self) -> bool {
        self.work_at(Doing { recovers: true, ..Doing::default() }, async |app| {
            app.heartbeat().await?;
            app.recover().await.map(drop)
        }) && self.work_at(Doing { polls: true, ..Doing::default() }, async |app| {
            for _ in 0..MOST_ROUNDS {
                let round = app.poll_jobs().await?;
                if round.count() == 0 {
                    return Ok(());
                }
                round.finished().await;
            }
            Err(Error::Internal("polling does not come to rest".to_owned()))
        }) && self.work_at(Doing { hears: true, ..Doing::default() }, async |app| {
            app.reconcile_daily().await.map(drop)
        }) && self.work_at(Doing { bills: true, ..Doing::default() }, async |app| {
            for _ in 0..MOST_ROUNDS {
                if app.bill().await?.total() == 0 {
                    return Ok(());
                }
            }
            Err(Error::Internal("billing does not come to rest".to_owned()))
        })
    }

    /// A part of it, and a look at what came of that.
    fn work_at(&mut self, mut doing: Doing, work: impl AsyncFnOnce(App) -> Result<(), Error>) -> bool {
        let app = self.app();
        let done = self.attempt(&mut doing, work(app));
        self.expect(done);
        self.look(&doing);
        !doing.died
    }

    /// What workers do never fails here.
    pub fn expect<T>(&mut self, done: Option<Result<T, Error>>) -> Option<T> {
        match done {
            Some(Err(error)) => {
                self.assert(vec![format!("it failed: {error}")], &"this");
                None
            }
            done => done.and_then(Result::ok),
        }
    }

    /// Everything that ever was, by the model, by the ledger's own replay, and by what its owners are shown.
    fn compare_all(&mut self) {
        let app = self.app();
        let mut doing = Doing::default();
        let report = self.attempt(&mut doing, async move { app.verify_ledger().await });
        if let Some(report) = self.expect(report) {
            let problems = report.problems.iter().map(|problem| format!("{problem:?}")).collect();
            self.assert(problems, &"ledger verify");
        }
        let accounts: Vec<i64> = self.model.accounts.keys().copied().collect();
        self.compare_history(&accounts);
        let at_rest = self.model.accounts.values().filter(|account| account.is_at_rest());
        let leaving: Vec<i64> = at_rest.map(|account: &Account| account.id).collect();
        let most = self.model.accounts.len().saturating_sub(ACCOUNTS / 2);
        for id in leaving.into_iter().take(most) {
            self.model.accounts.remove(&id);
        }
    }

    fn compare_history(&mut self, accounts: &[i64]) {
        let (generations, entries) = self.outer.block_on(rows::history(&self.auditor, accounts));
        let mut wrong = Vec::new();
        for (id, account) in &self.model.accounts {
            let own = |rows: &'_ [rows::Row]| -> Vec<rows::Row> {
                rows.iter().filter(|row| row.number("account_id") == *id).cloned().collect()
            };
            let (generations, entries) = (own(&generations), own(&entries));
            wrong.extend(account.compare_history(
                &generations.iter().collect::<Vec<_>>(),
                &entries.iter().collect::<Vec<_>>(),
            ));
        }
        self.assert(wrong, &"everything");
    }
}
