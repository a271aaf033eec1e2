//! Time, workers, and everybody's lives.

use super::{
    books::Books,
    check::{self, Truth},
    crash,
    life::{self, Life},
    payer::Payer,
    plan::Plan,
    rows::Rows,
};
use app::{App, Error};
use domain::{port::Clock, time::DAY_MS};
use futures_util::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, time::Instant};
use testkit::{Auditor, Service, Setup, Spender, TestDatabase};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Between two looks at what is due.
const STEP_MS: (i64, i64) = (5 * MINUTE_MS, 4 * HOUR_MS);
const LONGEST_STEP_MS: i64 = 2 * DAY_MS;
/// Between two comparisons with what must have happened.
const CHECK_MS: i64 = 91 * DAY_MS;
/// After the last wish, until everything must have come to rest.
const REST_MS: i64 = 45 * DAY_MS;
/// Of a thousand rounds of a worker, so many end in the middle.
const DEATHS_PER_MILLE: u32 = 60;
/// Of a thousand steps, so many find all workers down for days.
const OUTAGES_PER_MILLE: u32 = 1;
/// How many steps end with what workers do besides billing.
const SWEEPS: f64 = 0.3;
/// Rounds after which workers should have nothing to do at one instant.
const MAX_ROUNDS: usize = 300;
/// People who do something at the same time.
const AT_ONCE: usize = 8;

/// Faults by the thousand, of requests that move money, of charges, and of notifications.
const YOOKASSA_FAULTS: &[(&str, u32)] = &[
    ("500", 25),
    ("500-made", 30),
    ("429", 10),
    ("cut", 10),
    ("malformed", 10),
    ("declined", 70),
    ("method-revoked", 8),
    ("3ds-pending", 25),
    ("refund-declined", 15),
    ("notify-lost", 60),
    ("notify-duplicate", 60),
    ("notify-late", 60),
    ("notify-reordered", 60),
    ("notify-forged", 60),
];
const TELEGRAM_FAULTS: &[(&str, u32)] = &[
    ("500", 20),
    ("500-made", 20),
    ("429", 10),
    ("cut", 10),
    ("declined", 40),
    ("notify-lost", 40),
    ("notify-duplicate", 60),
    ("notify-late", 60),
    ("notify-reordered", 60),
    ("notify-forged", 60),
];

/// All that takes part.
pub(super) struct World {
    plan: Plan,
    auditor: Auditor,
    /// Two processes over one database.
    services: [Service; 2],
    payer: Payer,
    spender: Spender,
    lives: Vec<Life>,
    rng: StdRng,
    counts: Counts,
    started: Instant,
    _database: TestDatabase,
}

/// What happened besides.
#[derive(Debug, Default)]
struct Counts {
    steps: u64,
    rounds: u64,
    deaths: u64,
    outages: u64,
}

impl World {
    pub(super) async fn new(plan: Plan, database: TestDatabase) -> Self {
        let setup = Setup { payment_attempts: 1, ..Setup::default() };
        let one = Service::start_with(&database, setup).await;
        let other = one.another_with(&database, setup).await;
        for (service, faults) in [("yookassa", YOOKASSA_FAULTS), ("telegram", TELEGRAM_FAULTS)] {
            let rates: BTreeMap<String, u32> =
                faults.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
            one.sandbox.set_rates(service, plan.seed, &rates).unwrap();
        }
        let mut lives = Vec::new();
        for number in 0..plan.accounts {
            let account = one.account("free", 0).await;
            lives.push(Life::new(account, number, plan.seed, one.clock.now().unix_ms()));
        }
        Self {
            payer: Payer::new(&one),
            spender: one.spender().await,
            rng: StdRng::seed_from_u64(plan.seed),
            counts: Counts::default(),
            started: Instant::now(),
            services: [one, other],
            auditor: database.auditor().await,
            _database: database,
            plan,
            lives,
        }
    }

    /// Lives through all of it, and compares.
    pub(super) async fn live(&mut self) {
        let ends_ms = self.now_ms() + self.plan.lasts_ms();
        let mut check_ms = self.now_ms() + CHECK_MS;
        while self.now_ms() < ends_ms {
            self.step(ends_ms).await;
            if self.now_ms() >= check_ms {
                check_ms = self.now_ms() + CHECK_MS;
                self.compare(false).await;
            }
        }
        self.come_to_rest().await;
        self.compare(true).await;
    }

    fn now_ms(&self) -> i64 {
        self.services[0].clock.now().unix_ms()
    }

    /// Goes on to when there is something to do, and has it done.
    async fn step(&mut self, ends_ms: i64) {
        self.counts.steps += 1;
        let due_ms = self.next_due_ms().await;
        let wanted_ms = self.lives.iter().map(Life::next_ms).min().unwrap_or(i64::MAX);
        let step_ms = self.rng.random_range(STEP_MS.0..STEP_MS.1) / 1_000 * 1_000;
        let earliest_ms = self.now_ms() + step_ms;
        self.go_on(due_ms.min(wanted_ms).min(ends_ms).clamp(earliest_ms, earliest_ms + LONGEST_STEP_MS));
        if self.rng.random_range(0..1_000) < OUTAGES_PER_MILLE {
            self.suffer_outage().await;
        }
        self.work_and_live().await;
    }

    fn go_on(&self, to_ms: i64) {
        // Whole seconds, as Telegram has them.
        let ms = (to_ms - self.now_ms()).max(1_000) / 1_000 * 1_000;
        self.services[0].clock.advance_ms(ms);
    }

    /// All workers are down for a while, and people go on.
    async fn suffer_outage(&mut self) {
        self.counts.outages += 1;
        for _ in 0..self.rng.random_range(2..20) {
            let ms = self.rng.random_range(HOUR_MS..24 * HOUR_MS);
            self.go_on(self.now_ms() + ms);
            self.tell().await;
            self.let_live().await;
        }
    }

    /// People and workers at once, until workers have nothing more to do.
    async fn work_and_live(&mut self) {
        let apps = self.services.each_ref().map(|service| service.app.clone());
        let mut rngs: [StdRng; 2] = [0, 1].map(|_| StdRng::seed_from_u64(self.rng.random()));
        self.services[0].sandbox.tick().await;
        let living = let_live(&mut self.lives, &self.services, &self.payer, &self.spender);
        let (mut done, ()) = tokio::join!(race(&apps, &mut rngs), living);
        for _ in 0..MAX_ROUNDS {
            self.count(done);
            self.tell().await;
            done = race(&apps, &mut rngs).await;
            if done == [Some(0); 2] {
                if self.rng.random_bool(SWEEPS) {
                    sweep(&apps[self.rng.random_range(0..2)], &mut rngs[0]).await;
                }
                return;
            }
        }
        panic!("seed {}: workers do not come to rest at step {}", self.plan.seed, self.counts.steps);
    }

    fn count(&mut self, rounds: [Option<usize>; 2]) {
        self.counts.rounds += 2;
        self.counts.deaths += u64::try_from(rounds.iter().filter(|round| round.is_none()).count()).unwrap();
    }

    /// Payment services do what is due and tell of it.
    async fn tell(&self) {
        let sandbox = &self.services[0].sandbox;
        sandbox.tick().await;
        sandbox.delivered().await;
    }

    async fn let_live(&mut self) {
        let_live(&mut self.lives, &self.services, &self.payer, &self.spender).await;
    }

    /// When a worker has something to do next.
    async fn next_due_ms(&self) -> i64 {
        let mut next_ms = i64::MAX;
        for table in ["payments", "subscriptions", "refunds"] {
            let due = "MIN(CASE WHEN due_at_ms > leased_until_ms THEN due_at_ms ELSE leased_until_ms END)";
            let waiting = format!("{table} WHERE due_at_ms IS NOT NULL AND attention IS NULL");
            let found = self.auditor.read(&waiting, &[due]).await;
            next_ms = next_ms.min(found[0][0].parse().unwrap_or(i64::MAX));
        }
        // Telegram renews at the end of a period.
        let running = format!(
            "subscriptions WHERE method = 'telegram_stars' AND status <> 'ended' AND cycle_ends_at_ms > {}",
            self.now_ms()
        );
        let found = self.auditor.read(&running, &["MIN(cycle_ends_at_ms)"]).await;
        next_ms.min(found[0][0].parse().unwrap_or(i64::MAX))
    }

    /// Nobody wants anything new, services work, and time passes until all has ended that can.
    async fn come_to_rest(&mut self) {
        for service in ["yookassa", "telegram"] {
            self.services[0].sandbox.set_rates(service, self.plan.seed, &BTreeMap::new()).unwrap();
        }
        self.lives.iter_mut().for_each(Life::settle_down);
        let until_ms = self.now_ms() + REST_MS;
        while self.now_ms() < until_ms {
            self.step(until_ms).await;
        }
    }

    async fn compare(&mut self, is_last: bool) {
        let books = Books::read(&self.services[0].books().await);
        let rows = Rows::read(&self.auditor).await;
        let diaries = self.lives.iter().map(|life| (life.account.id.0, &life.diary)).collect();
        let truth = Truth { books: &books, rows: &rows, diaries, now_ms: self.now_ms(), is_last };
        let problems = check::problems(&truth);
        let Plan { accounts, seed, .. } = self.plan;
        let at = self.services[0].clock.now();
        if self.plan.is_watched || !problems.is_empty() {
            say(&format!(
                "{at}: {:.0} s, seed {seed}, {accounts} accounts, {:?}, {}",
                self.started.elapsed().as_secs_f64(),
                self.counts,
                check::counts(&truth)
            ));
        }
        assert!(
            problems.is_empty(),
            "seed {seed}, step {}, {at}: {} problems, of which the first:\n{}",
            self.counts.steps,
            problems.len(),
            problems.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n"),
        );
        let report = self.services[0].app.verify_ledger().await.unwrap();
        assert_eq!(report.problems, [], "seed {seed}, {at}");
    }
}

/// A round of each worker at the same time: what each looked after; `None` when it died.
async fn race(apps: &[App; 2], [one, other]: &mut [StdRng; 2]) -> [Option<usize>; 2] {
    let round = async |app: &App| borne(app.bill().await).map(|billed| billed.total());
    let first = crash::perhaps(one, DEATHS_PER_MILLE, round(&apps[0]));
    let second = crash::perhaps(other, DEATHS_PER_MILLE, round(&apps[1]));
    let (first, second) = tokio::join!(first, second);
    [first.flatten(), second.flatten()]
}

/// What workers do besides billing.
async fn sweep(app: &App, rng: &mut StdRng) {
    let working = async {
        borne(app.reconcile_daily().await);
        borne(app.recover().await);
    };
    crash::perhaps(rng, DEATHS_PER_MILLE, working).await;
}

/// What came of a worker's work; `None` when it waited in vain for the database: the machine is too busy, or somebody died in
/// the middle of a statement, whose lock stays as long as their connection does.
fn borne<T>(outcome: Result<T, Error>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(Error::Overloaded) => None,
        Err(error) => panic!("a worker: {error}"),
    }
}

/// Everybody does what they have to do by now.
async fn let_live(lives: &mut [Life], services: &[Service; 2], payer: &Payer, spender: &Spender) {
    let now_ms = services[0].clock.now().unix_ms();
    let due = lives.iter_mut().enumerate().filter(|(_, life)| life.next_ms() <= now_ms);
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, async |(number, life)| {
            let app = &services[number % 2].app;
            life.live(&life::World { app, payer, spender, now_ms }).await;
        })
        .await;
}

#[expect(clippy::print_stderr, reason = "somebody watches, or it has failed")]
fn say(line: &str) {
    eprintln!("{line}");
}
