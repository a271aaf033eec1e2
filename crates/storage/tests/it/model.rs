//! A seeded run of the ledger's commands against a small model that knows nothing of the storage code.

use crate::support::{Bench, CYCLE_MS};
use domain::{id::AccountId, ledger::Command, ledger::Reason};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use storage::Hold;
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
}

struct Held {
    hold: Hold,
    plan: i64,
    permanent: i64,
    cycle: Option<u32>,
}

impl Modelled {
    fn plan_at(&self, now_ms: i64) -> i64 {
        if self.cycle.is_some_and(|(_, ends_ms)| now_ms < ends_ms) { self.plan } else { 0 }
    }

    fn give_back(&mut self, held: &Held, now_ms: i64) {
        self.permanent += held.permanent;
        let same = self.cycle.is_some_and(|(cycle, ends_ms)| Some(cycle) == held.cycle && now_ms < ends_ms);
        if same {
            self.plan += held.plan;
        }
    }
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
        let now_ms = domain::port::Clock::now(&*bench.clock).unix_ms();
        match rng.random_range(0..10) {
            0..4 => {
                let price = rng.random_range(1..15);
                let held = bench.hold(*account, price).await;
                let plan = model.plan_at(now_ms).min(price);
                let is_covered = plan + model.permanent >= price;
                assert_eq!(held.is_ok(), is_covered, "seed {seed} step {step}: hold of {price}");
                if let Ok(hold) = held {
                    let permanent = price - plan;
                    (model.plan, model.permanent) = (model.plan - plan, model.permanent - permanent);
                    let cycle = model.cycle.map(|(cycle, _)| cycle);
                    model.holds.push(Held { hold, plan, permanent, cycle });
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
                    bench.storage.ledger().open_cycle(open).await.unwrap();
                    cycles += 1;
                    (model.plan, model.cycle) = (allowance, Some((cycles, now_ms + CYCLE_MS)));
                }
                1 => {
                    let amount_tokens = rng.random_range(1..30);
                    let grant_id = domain::id::GrantId(bench.id().await);
                    let (account_id, reason) = (*account, Reason::Grant);
                    let grant = Command::Grant { account_id, grant_id, reason, amount_tokens };
                    bench.storage.ledger().grant(grant).await.unwrap();
                    model.permanent += amount_tokens;
                }
                _ => {
                    for (account, cycle) in bench.storage.ended_cycles(bench.now(), 10).await.unwrap() {
                        bench.storage.ledger().expire(account, cycle).await.unwrap();
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
