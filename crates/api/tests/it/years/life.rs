//! One account's owner: what they want, and when.

use super::{
    crash,
    diary::{Diary, Spend, Wish},
    payer::Payer,
};
use app::{App, Error, Order, Ordered};
use domain::{
    billing::{Payment, PaymentStatus, Subscription},
    id::GenerationId,
    port::PaymentMethod,
    time::DAY_MS,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::BTreeMap;
use testkit::{Account, Spender};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const PLANS: [&str; 4] = ["basic", "pro", "vip", "elite"];
const PACKAGES: [&str; 4] = ["start", "light", "standard", "advanced"];
/// Of a thousand things that somebody asks of the service, so many find a process that dies meanwhile.
const DEATHS_PER_MILLE: u32 = 30;
const FIRST_USER_ID: i64 = 700_000_000;

/// Somebody with an account.
pub(super) struct Life {
    pub(super) account: Account,
    pub(super) diary: Diary,
    user_id: i64,
    method: PaymentMethod,
    rng: StdRng,
    /// What is to be done when; several things may be at once.
    agenda: BTreeMap<(i64, u64), Task>,
    tasks: u64,
}

/// What somebody has to do with.
pub(super) struct World<'a> {
    pub(super) app: &'a App,
    pub(super) payer: &'a Payer,
    pub(super) spender: &'a Spender,
    pub(super) now_ms: i64,
}

/// Something to be done.
enum Task {
    /// Whatever comes to mind.
    Act,
    Pay {
        page: String,
        method: PaymentMethod,
        times: u32,
    },
    Leave {
        page: String,
    },
    /// A generation ends.
    End {
        id: GenerationId,
        completes: bool,
    },
}

impl Life {
    pub(super) fn new(account: Account, number: u64, seed: u64, now_ms: i64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let method =
            if rng.random_bool(0.65) { PaymentMethod::Yookassa } else { PaymentMethod::TelegramStars };
        let first = now_ms + rng.random_range(0..40 * DAY_MS / 1_000) * 1_000;
        let user_id = FIRST_USER_ID + i64::try_from(number).unwrap();
        let agenda = BTreeMap::from([((first, 0), Task::Act)]);
        Self { account, diary: Diary::default(), user_id, method, rng, agenda, tasks: 1 }
    }

    /// When something is to be done next.
    pub(super) fn next_ms(&self) -> i64 {
        self.agenda.first_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms)
    }

    /// Wants nothing new any more.
    pub(super) fn settle_down(&mut self) {
        self.agenda.retain(|_, task| !matches!(task, Task::Act));
    }

    /// Does what is to be done by now.
    pub(super) async fn live(&mut self, world: &World<'_>) {
        while self.next_ms() <= world.now_ms {
            let Some((_, task)) = self.agenda.pop_first() else { return };
            match task {
                Task::Act => {
                    let pause_ms = self.rng.random_range(HOUR_MS..36 * DAY_MS) / 1_000 * 1_000;
                    self.plan(world.now_ms + pause_ms, Task::Act);
                    self.act(world).await;
                }
                Task::Pay { page, method, times } => self.pay(world, &page, method, times).await,
                Task::Leave { page } => world.payer.leave(&page).await,
                Task::End { id, completes } => self.end_hold(world, id, completes).await,
            }
        }
    }

    fn plan(&mut self, at_ms: i64, task: Task) {
        self.agenda.insert((at_ms, self.tasks), task);
        self.tasks += 1;
    }

    async fn act(&mut self, world: &World<'_>) {
        match self.rng.random_range(0..100) {
            0..32 => self.spend(world).await,
            32..48 => self.buy_package(world).await,
            48..76 => self.buy_plan(world).await,
            76..82 => self.cancel(world).await,
            82..87 => self.resume(world).await,
            87..92 => self.ask_refund(world).await,
            92..95 => self.charge_back(world).await,
            // Things at once: people have two windows open.
            95..98 => {
                self.buy_plan(world).await;
                self.buy_plan(world).await;
            }
            _ => {}
        }
    }

    async fn spend(&mut self, world: &World<'_>) {
        let Ok(balance) = world.app.balance_of(self.account.id).await else { return };
        if balance.token_balance == 0 {
            return;
        }
        let tokens = self.rng.random_range(1..=balance.token_balance);
        let Some(id) = world.spender.hold(&self.account, tokens).await else { return };
        self.diary.spends.push(Spend { id, tokens, completed: None });
        let completes = self.rng.random_bool(0.7);
        if self.rng.random_bool(0.7) {
            self.end_hold(world, id, completes).await;
        } else {
            let lasts_ms = self.rng.random_range(MINUTE_MS..45 * DAY_MS) / 1_000 * 1_000;
            self.plan(world.now_ms + lasts_ms, Task::End { id, completes });
        }
    }

    async fn end_hold(&mut self, world: &World<'_>, id: GenerationId, completes: bool) {
        world.spender.end(self.account.id, id, completes).await;
        let spend = self.diary.spends.iter_mut().find(|spend| spend.id == id).unwrap();
        spend.completed = Some(completes);
    }

    fn order(&mut self) -> Order {
        let other = match self.method {
            PaymentMethod::Yookassa => PaymentMethod::TelegramStars,
            PaymentMethod::TelegramStars => PaymentMethod::Yookassa,
        };
        let method = if self.rng.random_bool(0.15) { other } else { self.method };
        Order { method, return_url: None, receipt_email: None, binding: None }
    }

    async fn buy_package(&mut self, world: &World<'_>) {
        let (order, slug) = (self.order(), *PACKAGES.choose(&mut self.rng).unwrap());
        let buying = world.app.buy_package(self.account.id, slug, order);
        if let Some(Ok(payment)) = crash::perhaps(&mut self.rng, DEATHS_PER_MILLE, buying).await {
            self.consider(world, &payment).await;
        }
    }

    async fn buy_plan(&mut self, world: &World<'_>) {
        let (order, plan) = (self.order(), *PLANS.choose(&mut self.rng).unwrap());
        let buying = world.app.subscribe(self.account.id, plan, order);
        match crash::perhaps(&mut self.rng, DEATHS_PER_MILLE, buying).await {
            Some(Ok(Ordered::Payment(payment))) => self.consider(world, &payment).await,
            Some(Ok(Ordered::Later(subscription))) => {
                let wish = if subscription.cancel_at_end { Wish::End } else { Wish::GoOn };
                self.diary.wishes.push((world.now_ms, wish));
            }
            Some(Err(Error::Validation(_))) => {}
            Some(Err(_)) | None => self.diary.wishes.push((world.now_ms, Wish::Unknown)),
        }
    }

    /// What to do with an order.
    async fn consider(&mut self, world: &World<'_>, payment: &Payment) {
        let Some(page) = payment.confirmation_url.clone() else { return };
        let method = payment.method;
        let minutes = |rng: &mut StdRng, from: i64, to: i64| rng.random_range(from..to) * MINUTE_MS;
        match self.rng.random_range(0..100) {
            0..62 => self.pay(world, &page, method, 1).await,
            62..66 => self.pay(world, &page, method, 2).await,
            66..82 => {
                let at_ms = world.now_ms + minutes(&mut self.rng, 5, 55);
                self.plan(at_ms, Task::Pay { page, method, times: 1 });
            }
            82..88 => {
                let at_ms = world.now_ms + minutes(&mut self.rng, 60, 60 * 40);
                self.plan(at_ms, Task::Pay { page, method, times: 1 });
            }
            88..94 => {
                let at_ms = world.now_ms + minutes(&mut self.rng, 0, 40);
                self.plan(at_ms, Task::Leave { page });
            }
            _ => {}
        }
    }

    async fn pay(&mut self, world: &World<'_>, page: &str, method: PaymentMethod, times: u32) {
        let saves = self.rng.random_bool(0.88);
        let first = world.payer.pay(page, self.user_id, saves);
        // On two devices at once.
        let second = async { times > 1 && world.payer.pay(page, self.user_id, saves).await };
        let (first, second) = tokio::join!(first, second);
        if (first || second) && method == PaymentMethod::Yookassa {
            let id = page.rsplit('/').next().unwrap().to_owned();
            if self.diary.paid.iter().all(|(known, _)| *known != id) {
                self.diary.paid.push((id, world.now_ms));
            }
        }
    }

    async fn cancel(&mut self, world: &World<'_>) {
        let canceling = world.app.cancel_subscription(self.account.id);
        let outcome = crash::perhaps(&mut self.rng, DEATHS_PER_MILLE, canceling).await;
        self.wished(world, Wish::End, outcome);
    }

    async fn resume(&mut self, world: &World<'_>) {
        let resuming = world.app.resume_subscription(self.account.id);
        let outcome = crash::perhaps(&mut self.rng, DEATHS_PER_MILLE, resuming).await;
        self.wished(world, Wish::GoOn, outcome);
    }

    fn wished(&mut self, world: &World<'_>, wish: Wish, outcome: Option<Result<Subscription, Error>>) {
        match outcome {
            Some(Ok(_)) => self.diary.wishes.push((world.now_ms, wish)),
            Some(Err(Error::NotFound(_))) => {}
            Some(Err(_)) | None => self.diary.wishes.push((world.now_ms, Wish::Unknown)),
        }
    }

    async fn some_payment(&mut self, world: &World<'_>) -> Option<Payment> {
        let (payments, _) = world.app.payments(self.account.id, 0, 12).await.ok()?;
        let paid: Vec<Payment> =
            payments.into_iter().filter(|payment| payment.status == PaymentStatus::Succeeded).collect();
        paid.choose(&mut self.rng).cloned()
    }

    async fn ask_refund(&mut self, world: &World<'_>) {
        let Some(payment) = self.some_payment(world).await else { return };
        self.diary.refunds.push(world.now_ms);
        let refunding = world.app.refund_payment(payment.id, "they asked");
        crash::perhaps(&mut self.rng, DEATHS_PER_MILLE, refunding).await;
    }

    async fn charge_back(&mut self, world: &World<'_>) {
        let Some(payment) = self.some_payment(world).await else { return };
        let (Some(gateway_id), rest) = (&payment.gateway_id, payment.rest().amount_minor) else { return };
        let user_id = (payment.method == PaymentMethod::TelegramStars).then_some(self.user_id);
        if rest > 0 {
            let amount = if self.rng.random_bool(0.3) { self.rng.random_range(1..=rest) } else { rest };
            world.payer.take_back(gateway_id, user_id, amount, &mut self.rng).await;
        }
    }
}
