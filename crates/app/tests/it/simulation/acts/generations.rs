//! Asking for generations, and what becomes of them.

use crate::simulation::{
    driver::Simulation,
    model::{
        Doing, Foreseen, State,
        prices::{SOLD, Way},
    },
    vendor::{End, Script},
};
use app::{Awaited, Caller, Error, FailedGeneration, Finished, GenerateRequest, IdempotencyKey, Running};
use domain::{id::GenerationId, port::ProviderErrorKind};
use rand::RngExt;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Longer than anything here takes by the machine's own clock.
const PATIENCE: Duration = Duration::from_secs(60);
const NAMES: u32 = 8;

/// What came of a request.
enum Came {
    Refused(FailedGeneration),
    /// It runs, and its client waits.
    Runs(Box<Running>),
    /// It ended, or goes on as a job, while its client waited.
    Ended(i64, bool, Result<Option<Arc<Finished>>, FailedGeneration>),
    /// Its client is gone.
    Left(i64),
    /// It is the same as one that runs.
    Repeats(i64),
}

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
struct Client {
    reads: bool,
    leaves: bool,
    /// The vendor takes its time.
    waits: bool,
    /// What it repeats runs still.
    repeats_open: bool,
}

impl Simulation {
    pub fn generate(&mut self) {
        let id = self.pick_account();
        let mut sold = self.rng.random_range(0..SOLD.len());
        let account = &self.model.accounts[&id];
        let mut name = None;
        if self.rng.random_bool(0.35) {
            let key = format!("name-{}", self.rng.random_range(0..NAMES));
            let known = account.names.get(&key).cloned();
            let words = match known.filter(|_| self.rng.random_bool(0.7)) {
                Some(known) => {
                    sold = known.sold;
                    known.words
                }
                None => format!("words {}", self.rng.random_range(0..1_000)),
            };
            name = Some((key, words));
        }
        let asked = &SOLD[sold];
        let script = self.draw_script(asked.way);
        self.world.vendor.play(script);
        let account = &self.model.accounts[&id];
        let now_ms = self.now_ms();
        let foreseen = account.foresee(now_ms, sold, name.as_ref());
        let (before, earlier) = (
            account.spendable(now_ms),
            match foreseen {
                Foreseen::Repeats(id) | Foreseen::MayRepeat(id) => account.generations.get(&id).cloned(),
                _ => None,
            },
        );
        let words = name.as_ref().map_or("hello", |(_, words)| words.as_str());
        let mut params = asked.params(words);
        let reads = asked.way == Way::Text && self.rng.random_bool(0.3);
        if reads {
            params.insert("stream".to_owned(), json!(true));
        }
        let client = Client {
            reads,
            leaves: self.rng.random_bool(0.2),
            waits: script == Script::Take && asked.way == Way::Text,
            repeats_open: earlier.as_ref().is_some_and(|earlier| earlier.state == State::Open),
        };
        let request = GenerateRequest::new(asked.slug.to_owned(), params);
        let key = name.as_ref().map(|(name, _)| IdempotencyKey::parse(name).unwrap());
        let (caller, app, vendor) = (self.caller(id), self.app(), self.world.vendor.clone());
        let quoted = app.quote(asked.slug, asked.choices(), 1).map(|quote| quote.token_cost);
        let mut doing = Doing { account: id, begins: Some((sold, name)), ..Doing::default() };
        let came =
            self.attempt(&mut doing, async move { ask(&app, &caller, &vendor, request, key, client).await });
        self.look(&doing);
        let mut wrong = Vec::new();
        if !matches!(quoted, Ok(price) if price == asked.price) {
            wrong.push(format!("{} is quoted {quoted:?}, and costs {}", asked.slug, asked.price));
        }
        if let Some(came) = came {
            let must = Must { foreseen, script, before, price: asked.price, way: asked.way };
            self.judge(id, came, must, &mut wrong);
        }
        self.assert(wrong, &doing);
    }

    fn draw_script(&mut self, way: Way) -> Script {
        let kinds = [
            ProviderErrorKind::Timeout,
            ProviderErrorKind::Overloaded,
            ProviderErrorKind::ContentRefused,
            ProviderErrorKind::RejectedRequest,
            ProviderErrorKind::BadResponse,
        ];
        match self.rng.random_range(0..100) {
            0..12 => Script::Fail(kinds[self.rng.random_range(0..kinds.len())]),
            12..20 => Script::Cut,
            20..42 if way == Way::Text => Script::Take,
            _ if way == Way::Job => Script::Take,
            _ => Script::Answer,
        }
    }

    fn judge(&mut self, account_id: i64, came: Came, must: Must, wrong: &mut Vec<String>) {
        let told = match (&must.foreseen, &came) {
            (Foreseen::MayRepeat(_), _) => None,
            (Foreseen::Conflict, Came::Refused(failed)) => expect_code(failed, "idempotency_conflict"),
            (Foreseen::InsufficientPlan, Came::Refused(failed)) => expect_code(failed, "insufficient_plan"),
            (Foreseen::RateLimited, Came::Refused(failed)) => expect_code(failed, "rate_limit_exceeded"),
            (Foreseen::InsufficientTokens, Came::Refused(failed)) => {
                expect_code(failed, "insufficient_tokens")
            }
            (Foreseen::Begins, Came::Runs(_)) if must.script == Script::Take => None,
            (Foreseen::Begins, Came::Left(_)) => None,
            (Foreseen::Begins, Came::Ended(_, false, end)) => must.of(end),
            (Foreseen::Repeats(id), Came::Repeats(told)) if id == told => None,
            (Foreseen::Repeats(id), Came::Ended(told, true, end)) if id == told => {
                self.judge_repeat(account_id, *id, end)
            }
            (Foreseen::Repeats(id), Came::Left(told)) if id == told => None,
            _ => Some("something else came of it".to_owned()),
        };
        let what = match &came {
            Came::Refused(failed) => format!("refused {}", failed.error.code()),
            Came::Runs(_) => "running".to_owned(),
            Came::Ended(_, _, Ok(Some(_))) => "completed".to_owned(),
            Came::Ended(_, _, Ok(None)) => "job".to_owned(),
            Came::Ended(_, _, Err(failed)) => format!("failed {}", failed.error.code()),
            Came::Left(_) => "client left".to_owned(),
            Came::Repeats(_) => "repeat of what runs".to_owned(),
        };
        if let Some(why) = told {
            wrong.push(format!("{why}: {what}, where {:?} was foreseen", must.foreseen));
        }
        self.report.count(what);
        if let Came::Runs(running) = came {
            let id = running.id.0;
            self.process().clients.insert(id, *running);
        }
    }

    /// A repeat is told what was told before.
    fn judge_repeat(
        &self,
        account_id: i64,
        id: i64,
        end: &Result<Option<Arc<Finished>>, FailedGeneration>,
    ) -> Option<String> {
        let known = &self.model.accounts[&account_id].generations[&id];
        let is_right = match (known.state, end) {
            (State::Completed, Ok(Some(finished))) => finished.tokens_spent == known.price(),
            (State::Failed, Err(_)) | (State::Open, Ok(None)) => true,
            _ => false,
        };
        (!is_right).then(|| format!("a repeat of {known:?} came to {end:?}"))
    }

    /// A vendor answers what it has taken.
    pub fn answer(&mut self) {
        let waiting: Vec<i64> = self.process().clients.keys().copied().collect();
        let Some(id) = self.pick(&waiting) else { return };
        let end = if self.rng.random_bool(0.75) { End::Answer } else { End::Fail };
        self.world.vendor.answer(id, end);
        let Some(running) = self.process().clients.remove(&id) else { return };
        let owner = self.model.accounts.values().find(|account| account.generations.contains_key(&id));
        let known = owner.and_then(|account| account.generations.get(&id)).cloned();
        let mut doing = Doing::default();
        let ended = self.attempt(&mut doing, async move { running.finish().await });
        self.look(&doing);
        let Some((ended, known)) = ended.zip(known) else { return };
        let is_right = match (&ended, known.state) {
            (Ok(Some(finished)), State::Open) => end == End::Answer && finished.tokens_spent == known.price(),
            (Err(_), State::Open) => end == End::Fail,
            // It was given up before.
            (Err(_), State::Failed) => true,
            _ => false,
        };
        if !is_right {
            self.assert(vec![format!("{end:?} of {known:?} came to {ended:?}")], &doing);
        }
    }

    /// A job ends at its vendor, where nobody hears of it before asking.
    pub fn end_job(&mut self) {
        let open: Vec<i64> = self.model.open().into_iter().collect();
        let jobs: Vec<i64> = open.into_iter().filter(|id| self.world.vendor.job(*id) == Some(None)).collect();
        let Some(id) = self.pick(&jobs) else { return };
        let end = if self.rng.random_bool(0.7) { End::Answer } else { End::Fail };
        self.world.vendor.end_job(id, end);
    }

    pub fn cancel_generation(&mut self) {
        let account_id = self.pick_account();
        let account = &self.model.accounts[&account_id];
        let newest: Vec<i64> = account.generations.keys().rev().take(12).copied().collect();
        let open: Vec<i64> =
            newest.iter().filter(|id| account.generations[id].state == State::Open).copied().collect();
        let from = if open.is_empty() || self.rng.random_bool(0.1) { newest } else { open };
        let Some(id) = self.pick(&from) else { return };
        let known = self.model.accounts[&account_id].generations[&id].clone();
        let (caller, app) = (self.caller(account_id), self.app());
        let client = self.process().clients.remove(&id);
        let (is_waiting, is_told) =
            (client.is_some(), client.as_ref().is_some_and(|client| client.is_stream));
        let mut doing = Doing { account: account_id, cancels: Some(id), ..Doing::default() };
        let canceled = self.attempt(&mut doing, async move {
            let canceled = app.cancel(&caller, GenerationId(id)).await;
            match (client, &canceled) {
                // Its task comes to its end.
                (Some(client), Ok(_)) => drop(client.finish().await),
                (client, _) => return (canceled, client),
            }
            (canceled, None)
        });
        self.look(&doing);
        let Some((canceled, client)) = canceled else { return };
        if let Some(client) = client {
            self.process().clients.insert(id, client);
        }
        let is_text = known.sold().way == Way::Text;
        let can_be = known.state == State::Open && (!is_text || is_waiting && !is_told);
        let is_failed = self.model.accounts[&account_id].generations[&id].state == State::Failed;
        let is_right = match &canceled {
            Ok(_) => can_be && is_failed && (!known.is_job || self.world.vendor.is_canceled(id)),
            Err(Error::NotCancellable) => !can_be,
            Err(_) => false,
        };
        self.report.count(if canceled.is_ok() { "canceled" } else { "not cancellable" });
        if !is_right {
            self.assert(vec![format!("{known:?} was canceled: {:?}", canceled.err())], &doing);
        }
    }
}

/// What a request must come to.
struct Must {
    foreseen: Foreseen,
    script: Script,
    before: i64,
    price: i64,
    way: Way,
}

impl Must {
    /// Why what a new generation came to is not right.
    fn of(&self, end: &Result<Option<Arc<Finished>>, FailedGeneration>) -> Option<String> {
        match (self.script, end) {
            (Script::Answer, Ok(Some(finished))) => {
                let told = (finished.tokens_spent, finished.balance_tokens);
                let must = (self.price, self.before - self.price);
                (told != must)
                    .then(|| format!("price and balance are told as {told:?}, and must be {must:?}"))
            }
            (Script::Fail(_) | Script::Cut, Err(_)) => None,
            (Script::Take, Ok(None)) if self.way == Way::Job => None,
            (script, end) => Some(format!("{script:?} came to {end:?}")),
        }
    }
}

fn expect_code(failed: &FailedGeneration, code: &str) -> Option<String> {
    let told = failed.error.code();
    (told != code).then(|| format!("{told} is told in place of {code}"))
}

/// Asks as a client does, and stays as long as that client stays.
async fn ask(
    app: &app::App,
    caller: &Caller,
    vendor: &crate::simulation::vendor::Vendor,
    request: GenerateRequest,
    key: Option<IdempotencyKey>,
    client: Client,
) -> Came {
    let mut running = match app.generate_once(caller, request, key).await {
        Ok(running) => running,
        Err(failed) => return Came::Refused(failed),
    };
    let (id, is_repeat) = (running.id, running.replay.is_some());
    if is_repeat && client.repeats_open {
        return match app.outcome(caller, running, Some(Duration::ZERO)).await {
            Ok(Awaited::Pending(view)) => Came::Repeats(view.record.id.0),
            Ok(Awaited::Finished(finished)) => Came::Ended(id.0, true, Ok(Some(finished))),
            Err(failed) => Came::Ended(id.0, true, Err(failed)),
        };
    }
    if client.waits && !is_repeat {
        if client.reads {
            running.next_delta().await;
        }
        vendor.has_taken(id.0).await;
        return Came::Runs(Box::new(running));
    }
    if client.leaves && !running.is_async {
        drop(running);
        // It goes on without its client, and is seen to end.
        drop(app.await_generation(caller, id, PATIENCE).await);
        return Came::Left(id.0);
    }
    if client.reads {
        while running.next_delta().await.is_some() {}
    }
    Came::Ended(id.0, is_repeat, running.finish().await)
}
