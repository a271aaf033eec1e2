//! The ledger alone: holds and their ends, from many tasks, through `storage::Ledger` with the full schema; and the same
//! statement by statement.

mod plain;

use crate::{
    Options, Result,
    accounts::{self, Account, Extras},
    clock::SystemClock,
    database::{Database, Kind},
    measure::{Processes, Until, Watch, measure},
    process,
    row::Row,
};
use domain::{
    catalog::Category,
    id::{GenerationId, NodeId},
    ledger::{HoldRequest, RateLimits, Resolution},
    port::Clock,
};
use plain::Plain;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use storage::{Completion, Storage};
use tokio::task::JoinSet;

/// Tasks where their number is not what is asked.
const TASKS: usize = 64;
/// Limits and a budget that are looked at, and never reached.
const PLENTY: i64 = 1_000_000_000;

/// Where events would be sent, if there were a worker: what is measured is that they are written.
const NOWHERE: &str = "https://example.org/";

const MODEL: &str = "deepseek-v3";
const PRICE_TOKENS: i64 = 1;
const PROMPT: &str = "Why is the sea salt?";
const RESULT: &str =
    "Because rivers wash salt out of the rocks, and the sun takes the water away again but not the salt.";
const METADATA: &str = r#"{"finish_reason":"stop","usage":{"input_tokens":9,"output_tokens":70}}"#;

pub(crate) async fn run(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let asked = |kind: &Kind| options.database.is_none_or(|only| only == *kind);
    for kind in [Kind::Postgres, Kind::Sqlite].into_iter().filter(asked) {
        rows.extend(run_on(kind, options).await?);
    }
    Ok(rows)
}

async fn run_on(kind: Kind, options: &Options) -> Result<Vec<Row>> {
    let bed = Bed::make(kind, options).await?;
    let (all, hot) = (&bed.accounts, &Arc::from(&bed.accounts[..1]));
    let many = format!("{} accounts", all.len());
    let mut rows = Vec::new();
    for tasks in &options.tasks {
        rows.push(bed.ledger(&format!("{many}, {tasks} tasks"), all, *tasks, None).await?);
    }
    rows.push(bed.ledger(&format!("1 hot account, {TASKS} tasks"), hot, TASKS, None).await?);
    rows.push(bed.ledger(&format!("{many}, keys with budgets"), all, TASKS, Some(PLENTY)).await?);
    let told = Extras { webhook_url: Some(NOWHERE), ..Extras::default() };
    let told = accounts::open(&bed.database.storage, all.len(), told).await?.into();
    rows.push(bed.ledger(&format!("{many}, budgets and webhooks"), &told, TASKS, Some(PLENTY)).await?);
    rows.push(bed.plain(&many, all).await?);
    rows.push(bed.plain("1 hot account", hot).await?);
    Ok(rows)
}

/// A database with accounts, and for how long each row is measured.
struct Bed {
    database: Database,
    accounts: Arc<[Account]>,
    until: Until,
}

impl Bed {
    async fn make(kind: Kind, options: &Options) -> Result<Self> {
        let database = Database::make(kind, &options.postgres, "neuralbox_ledger").await?;
        let accounts = accounts::open(&database.storage, options.accounts.max(1), Extras::default()).await?;
        let until = Until::Passed(Duration::from_secs(options.seconds));
        Ok(Self { database, accounts: accounts.into(), until })
    }

    /// Through the ledger.
    async fn ledger(
        &self,
        what: &str,
        accounts: &Arc<[Account]>,
        tasks: usize,
        key_budget_tokens: Option<i64>,
    ) -> Result<Row> {
        let name = format!("ledger, {}, {what}", self.database.kind.name());
        let storage = self.database.storage.clone();
        let generate = move |account: Account| {
            let storage = storage.clone();
            async move { through_ledger(&storage, &account, key_budget_tokens).await }
        };
        self.measure(&name, accounts, tasks, generate).await
    }

    /// Statement by statement.
    async fn plain(&self, what: &str, accounts: &Arc<[Account]>) -> Result<Row> {
        let name = format!("statement by statement, {}, {what}, {TASKS} tasks", self.database.kind.name());
        let plain = Plain::connect(&self.database).await?;
        let storage = self.database.storage.clone();
        let generate = move |account: Account| {
            let (plain, storage) = (plain.clone(), storage.clone());
            async move { plain.generate(storage.next_id().await?, &account).await }
        };
        self.measure(&name, accounts, TASKS, generate).await
    }

    async fn measure<F>(
        &self,
        name: &str,
        accounts: &Arc<[Account]>,
        tasks: usize,
        generate: impl Fn(Account) -> F + Clone + Send + 'static,
    ) -> Result<Row>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.database.settle_down().await?;
        let processes =
            Processes { gateway: Some(process::own()), database: self.database.postmaster, upstream: None };
        let spawn = |watch: &Watch| {
            let mut running = JoinSet::new();
            for first in 0..tasks {
                running.spawn(again_and_again(
                    watch.clone(),
                    accounts.clone(),
                    (first, tasks),
                    generate.clone(),
                ));
            }
            running
        };
        measure(name, processes, self.until, spawn).await
    }
}

/// One task's generations: each task begins with another account, and none meets the others there.
async fn again_and_again<F: Future<Output = Result<()>>>(
    watch: Watch,
    accounts: Arc<[Account]>,
    (first, step): (usize, usize),
    generate: impl Fn(Account) -> F,
) {
    let turns = (first..).step_by(step);
    for account in turns.map(|turn| accounts[turn % accounts.len()].clone()) {
        if watch.is_over() {
            return;
        }
        let started = Instant::now();
        watch.count(started, generate(account).await);
    }
}

async fn through_ledger(storage: &Storage, account: &Account, key_budget_tokens: Option<i64>) -> Result<()> {
    let now = SystemClock::new().now();
    let request = HoldRequest {
        account_id: account.id,
        generation_id: GenerationId(storage.next_id().await?),
        price_tokens: PRICE_TOKENS,
        model_slug: MODEL.to_owned(),
        category: Category::Text,
        key_id: Some(account.key_id),
        node_id: NodeId(1),
        created_at: now,
        deadline_at: now.plus_ms(120_000),
        limits: RateLimits { hourly: PLENTY, daily: PLENTY },
        key_budget_tokens,
        binding: None,
        vendor_cost_micro_usd: None,
        webhook_url: None,
        is_told: false,
    };
    let hold = storage.ledger().hold(request).await?;
    let completion = Completion {
        prompt: Some(PROMPT.into()),
        result_text: Some(RESULT.into()),
        result_metadata: METADATA.to_owned(),
        vendor_cost_micro_usd: Some(12),
        expires_at: Some(now.plus_ms(7_776_000_000)),
        ..Completion::default()
    };
    let resolved = storage.ledger().resolve(hold, Resolution::Completed(completion), now).await?;
    if resolved.is_completed { Ok(()) } else { Err("it was not completed".into()) }
}
