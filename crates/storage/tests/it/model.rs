//! A seeded run of the ledger's commands against a small model that knows nothing of the storage code.

use crate::support::{Bench, CYCLE_MS};
use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{Binding, Command, HoldRequest, RateLimits, Reason, Refusal},
    port::Clock,
    time::{DAY_MS, Timestamp},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use storage::{Hold, LedgerError};
use testkit::TestDatabase;

testkit::on_each_database!(the_ledger_follows_the_model);

const STEPS: usize = 400;

/// One account as the model sees it: how much there is, and what each open hold took.
#[derive(Default)]
struct Modelled {
    plan: i64,
    permanent: i64,
    /// Which cycle the plan tokens belong to, and when it ends.
    cycle: Option<(u32, i64)>,
    holds: Vec<Held>,
    spent: i64,
    /// When something was begun.
    begun: Vec<i64>,
    /// What keys with a budget hold and have spent, by key and month.
    used: BTreeMap<(i64, String), i64>,
    /// What each name stands for: a request, and its generation.
    names: BTreeMap<u8, (u8, GenerationId)>,
}

struct Held {
    hold: Hold,
    plan: i64,
    permanent: i64,
    cycle: Option<u32>,
    counted: Option<(i64, String)>,
}

impl Modelled {
    fn plan_at(&self, now_ms: i64) -> i64 {
        if self.cycle.is_some_and(|(_, ends_ms)| now_ms < ends_ms) { self.plan } else { 0 }
    }

    /// What is begun already in the window of a day.
    fn begun_today(&self, now_ms: i64) -> i64 {
        let mut window = (0, 0);
        for at in &self.begun {
            window =
                if window.1 == 0 || *at >= window.0 + DAY_MS { (*at, 1) } else { (window.0, window.1 + 1) };
        }
        if now_ms < window.0 + DAY_MS { window.1 } else { 0 }
    }

    /// What becomes of a request for `price` tokens.
    fn expected(&self, now_ms: i64, asked: &Asked) -> Expected {
        if let Some((name, what)) = asked.name
            && let Some((earlier, id)) = self.names.get(&name)
        {
            return if *earlier == what { Expected::Bound(*id) } else { Expected::BoundOtherwise };
        }
        let used = self.used.get(&(asked.key, month(now_ms))).copied().unwrap_or_default();
        if asked.daily > 0 && self.begun_today(now_ms) >= asked.daily {
            Expected::RateLimited
        } else if asked.budget.is_some_and(|budget| used + asked.price > budget) {
            Expected::OverKeyBudget
        } else if self.plan_at(now_ms) + self.permanent < asked.price {
            Expected::InsufficientTokens
        } else {
            Expected::Held
        }
    }

    fn hold(&mut self, now_ms: i64, asked: &Asked, hold: Hold) {
        let plan = self.plan_at(now_ms).min(asked.price);
        let permanent = asked.price - plan;
        (self.plan, self.permanent) = (self.plan - plan, self.permanent - permanent);
        let cycle = self.cycle.map(|(cycle, _)| cycle);
        let counted = asked.budget.map(|_| (asked.key, month(now_ms)));
        if let Some(counted) = &counted {
            *self.used.entry(counted.clone()).or_default() += asked.price;
        }
        if let Some((name, what)) = asked.name {
            self.names.insert(name, (what, hold.generation_id()));
        }
        self.begun.push(now_ms);
        self.holds.push(Held { hold, plan, permanent, cycle, counted });
    }

    fn give_back(&mut self, held: &Held, now_ms: i64) {
        if let Some(counted) = &held.counted {
            *self.used.entry(counted.clone()).or_default() -= held.plan + held.permanent;
        }
        self.permanent += held.permanent;
        let same = self.cycle.is_some_and(|(cycle, ends_ms)| Some(cycle) == held.cycle && now_ms < ends_ms);
        if same {
            self.plan += held.plan;
        }
    }
}

/// A request as the model sees it.
struct Asked {
    price: i64,
    key: i64,
    budget: Option<i64>,
    daily: i64,
    name: Option<(u8, u8)>,
}

#[derive(Debug, PartialEq)]
enum Expected {
    Held,
    Bound(GenerationId),
    BoundOtherwise,
    RateLimited,
    OverKeyBudget,
    InsufficientTokens,
}

impl Asked {
    fn any(rng: &mut StdRng) -> Self {
        Self {
            price: rng.random_range(1..15),
            key: rng.random_range(1..3),
            budget: rng.random_bool(0.4).then(|| rng.random_range(1..120)),
            daily: if rng.random_bool(0.4) { rng.random_range(1..8) } else { 0 },
            name: rng.random_bool(0.3).then(|| (rng.random_range(0..30), rng.random_range(0..2))),
        }
    }

    fn of(&self, request: HoldRequest) -> HoldRequest {
        HoldRequest {
            key_id: Some(KeyId(self.key)),
            limits: RateLimits { hourly: 0, daily: self.daily },
            key_budget_tokens: self.budget,
            binding: self.name.map(|(name, what)| Binding {
                key: name.to_string(),
                fingerprint: [what; 32],
                wait_ms: None,
            }),
            ..request
        }
    }
}

fn answered(answer: &Result<Hold, LedgerError>) -> Expected {
    match answer {
        Ok(_) => Expected::Held,
        Err(LedgerError::Bound(id)) => Expected::Bound(*id),
        Err(LedgerError::Refused(Refusal::BoundOtherwise)) => Expected::BoundOtherwise,
        Err(LedgerError::Refused(Refusal::RateLimited(_))) => Expected::RateLimited,
        Err(LedgerError::Refused(Refusal::OverKeyBudget { .. })) => Expected::OverKeyBudget,
        Err(LedgerError::Refused(Refusal::InsufficientTokens { .. })) => Expected::InsufficientTokens,
        Err(error) => panic!("{error}"),
    }
}

/// As `2026-11`.
fn month(now_ms: i64) -> String {
    Timestamp::from_unix_ms(now_ms).to_string().chars().take(7).collect()
}

async fn the_ledger_follows_the_model(database: TestDatabase) {
    let seed = std::env::var("NEURALBOX_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut rng = StdRng::seed_from_u64(seed);
    let bench = Bench::new(&database).await;
    let mut accounts: Vec<(AccountId, Modelled)> = Vec::new();
    for _ in 0..3 {
        let permanent = rng.random_range(1..40);
        let model = Modelled { permanent, ..Default::default() };
        accounts.push((bench.account(0, permanent).await, model));
    }
    let mut cycles = 0;
    for step in 0..STEPS {
        let which = rng.random_range(0..accounts.len());
        let (account, model) = &mut accounts[which];
        let now_ms = bench.clock.now().unix_ms();
        match rng.random_range(0..10) {
            0..4 => {
                let asked = Asked::any(&mut rng);
                let request = asked.of(bench.request(*account, asked.price).await);
                let answer = bench.storage.ledger().hold(request).await;
                assert_eq!(answered(&answer), model.expected(now_ms, &asked), "seed {seed} step {step}");
                if let Ok(hold) = answer {
                    model.hold(now_ms, &asked, hold);
                }
            }
            4..8 if !model.holds.is_empty() => {
                let index = rng.random_range(0..model.holds.len());
                let held = model.holds.swap_remove(index);
                if rng.random_bool(0.6) {
                    model.spent += held.plan + held.permanent;
                    bench.complete(held.hold).await;
                } else {
                    model.give_back(&held, now_ms);
                    bench.fail(held.hold).await;
                }
            }
            8 => match rng.random_range(0..4) {
                0 => {
                    let allowance = rng.random_range(1..60);
                    let open = bench.cycle(*account, allowance).await;
                    bench.storage.ledger().run(Command::OpenCycle(open)).await.unwrap();
                    cycles += 1;
                    (model.plan, model.cycle) = (allowance, Some((cycles, now_ms + CYCLE_MS)));
                }
                1 => {
                    let amount_tokens = rng.random_range(1..30);
                    let grant_id = domain::id::GrantId(bench.id().await);
                    let (account_id, reason) = (*account, Reason::Grant);
                    let grant = Command::Grant { account_id, grant_id, reason, amount_tokens };
                    bench.storage.ledger().run(grant).await.unwrap();
                    model.permanent += amount_tokens;
                }
                _ => {
                    for (account, cycle) in bench.storage.ended_cycles(bench.now(), 10).await.unwrap() {
                        bench
                            .storage
                            .ledger()
                            .run(Command::Expire { account_id: account, cycle_id: cycle })
                            .await
                            .unwrap();
                    }
                    for (_, model) in &mut accounts {
                        if model.cycle.is_some_and(|(_, ends_ms)| ends_ms <= now_ms) {
                            (model.plan, model.cycle) = (0, None);
                        }
                    }
                }
            },
            _ => bench.clock.advance_ms(rng.random_range(0..CYCLE_MS / 10)),
        }
        for (account, model) in &accounts {
            let held = model.holds.iter().fold((0, 0), |sum, h| (sum.0 + h.plan, sum.1 + h.permanent));
            let expected = [model.plan, model.permanent, held.0, held.1];
            assert_eq!(bench.buckets(*account).await, expected, "seed {seed} step {step} account {account}");
        }
    }
    bench.assert_verifies().await;
    assert!(accounts.iter().any(|(_, model)| model.spent > 0), "the run has spent something");
}
