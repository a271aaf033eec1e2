//! Generations over HTTP, through the server as it is shipped; and what is to be taken off that: the upstream without a
//! gateway before it, and the gateway with nothing for a ledger.

use crate::{
    Options, Result,
    accounts::{self, Account, Extras},
    database::{Database, Kind},
    load::{self, Requests},
    measure::{Processes, Until, measure},
    process,
    row::Row,
    server::{self, Server},
    upstream::{self, Upstream},
    wire::post,
};
use serde_json::json;
use std::{net::SocketAddr, path::Path, time::Duration};

pub(crate) const MODEL: &str = "deepseek-v3";
pub(crate) const PROMPT: &str = "Why is the sea salt?";
/// How often it is started to see how long that takes.
const STARTS: usize = 5;
/// NeuralBox tokens a month, which no key uses up here.
const BUDGET_TOKENS: i64 = 1_000_000_000;

pub(crate) async fn run(options: &Options) -> Result<Vec<Row>> {
    let bed = Bed::make(options, "neuralbox_http").await?;
    let binary = server::beside("neuralbox")?;
    let server = bed.serve(&binary).await?;
    let (many, hot) = (generate(&bed.accounts), generate(&bed.accounts[..1]));
    let budgets = Extras { budget_tokens: Some(BUDGET_TOKENS), ..Extras::default() };
    let budgeted = accounts::open(&bed.database.storage, options.accounts, budgets).await?;
    let connections = options.connections;
    let (so_many, on_all) =
        (format!("{connections} connections"), format!("{} accounts", bed.accounts.len()));
    let direct = ask_upstream();
    let mut rows = vec![
        bed.upstream(&format!("upstream direct, {so_many}"), &direct, connections).await?,
        bed.upstream("upstream direct, 1 connection", &direct, 1).await?,
    ];
    for (name, requests, connections) in [
        (format!("generate, {so_many}, {on_all}"), &many, connections),
        (format!("generate, {so_many}, 1 hot account"), &hot, connections),
        (format!("generate, {so_many}, keys with budgets"), &generate(&budgeted), connections),
        (format!("/v1/chat/completions, {so_many}, {on_all}"), &complete(&bed.accounts), connections),
        ("generate, 1 connection".to_owned(), &many, 1),
    ] {
        rows.push(bed.gateway(&name, &server, requests, connections, bed.until).await?);
    }
    if let Some(generations) = options.generations {
        // What it needs once it is warm, and what it needs in the end.
        let warm = generations / 10;
        for (name, count) in [("the first", warm), ("then", generations - warm)] {
            let name = format!("generate, {name} {count} in a row, {so_many}");
            rows.push(bed.gateway(&name, &server, &many, connections, Until::Done(count)).await?);
        }
    }
    drop(server);
    rows.extend(bed.without_ledger(&format!("{so_many}, {on_all}"), &many, connections, &rows[2]).await?);
    rows.push(bed.start_up(&binary).await?);
    // Last, for the worker goes on sending for a while.
    let webhook_url = format!("http://{}/", bed.upstream.addr);
    let extras = Extras { webhook_url: Some(&webhook_url), ..budgets };
    let told = accounts::open(&bed.database.storage, options.accounts, extras).await?;
    let (name, server) = (format!("generate, {so_many}, budgets and webhooks"), bed.serve(&binary).await?);
    rows.push(bed.gateway(&name, &server, &generate(&told), connections, bed.until).await?);
    Ok(rows)
}

/// A database with accounts, and an upstream.
pub(crate) struct Bed {
    pub(crate) database: Database,
    pub(crate) accounts: Vec<Account>,
    pub(crate) upstream: Upstream,
    pub(crate) until: Until,
    pin: bool,
}

impl Bed {
    pub(crate) async fn make(options: &Options, name: &str) -> Result<Self> {
        let database = Database::make(Kind::Postgres, &options.postgres, name).await?;
        let accounts = accounts::open(&database.storage, options.accounts.max(1), Extras::default()).await?;
        let until = Until::Passed(Duration::from_secs(options.seconds));
        if let (Some(postmaster), true) = (database.postmaster, options.pin) {
            for pid in [postmaster].into_iter().chain(process::children(postmaster)?) {
                process::pin(pid, process::OTHER_CORE)?;
            }
        }
        Ok(Self { database, accounts, upstream: Upstream::start()?, until, pin: options.pin })
    }

    /// Starts a server on it.
    pub(crate) async fn serve(&self, binary: &Path) -> Result<Server> {
        Server::start(binary, &self.database, self.upstream.addr, self.pin).await
    }

    /// Without a gateway.
    async fn upstream(&self, name: &str, requests: &Requests, connections: usize) -> Result<Row> {
        let processes = Processes { upstream: Some(self.upstream.pid()), ..Processes::default() };
        self.measure(name, processes, self.upstream.addr, requests, connections, self.until).await
    }

    async fn gateway(
        &self,
        name: &str,
        server: &Server,
        requests: &Requests,
        connections: usize,
        until: Until,
    ) -> Result<Row> {
        self.measure(name, self.processes(server), server.addr, requests, connections, until).await
    }

    pub(crate) fn processes(&self, server: &Server) -> Processes {
        Processes {
            gateway: Some(server.pid()),
            database: self.database.postmaster,
            upstream: Some(self.upstream.pid()),
        }
    }

    async fn measure(
        &self,
        name: &str,
        processes: Processes,
        addr: SocketAddr,
        requests: &Requests,
        connections: usize,
        until: Until,
    ) -> Result<Row> {
        self.database.settle_down().await?;
        measure(name, processes, until, |watch| load::ask(watch, addr, requests, connections)).await
    }

    /// With nothing for a ledger, where that was built; and what the ledger has to itself of `with`.
    async fn without_ledger(
        &self,
        what: &str,
        requests: &Requests,
        connections: usize,
        with: &Row,
    ) -> Result<Vec<Row>> {
        let binary = server::beside("neuralbox-no-ledger")?;
        if !binary.exists() {
            eprintln!("{} was not built: the rows without a ledger are left out", binary.display());
            return Ok(Vec::new());
        }
        let server = self.serve(&binary).await?;
        let without =
            self.gateway(&format!("no ledger, {what}"), &server, requests, connections, self.until).await?;
        let share = |with: Option<f64>, without: Option<f64>| Some(with? - without?);
        let ledgers = Row {
            name: format!("the ledger's share, {what}"),
            gateway_cpu_ms: share(with.gateway_cpu_ms, without.gateway_cpu_ms),
            database_cpu_ms: share(with.database_cpu_ms, without.database_cpu_ms),
            ..Row::default()
        };
        Ok(vec![without, ledgers.rounded()])
    }

    /// From the start of the process to its first good answer, on a database that is there.
    async fn start_up(&self, binary: &Path) -> Result<Row> {
        let mut times = Vec::with_capacity(STARTS);
        for _ in 0..STARTS {
            let server = self.serve(binary).await?;
            times.push(process::ms(server.start_up));
        }
        times.sort_by(f64::total_cmp);
        let (p50_ms, p99_ms) = (times.get(STARTS / 2).copied(), times.last().copied());
        let name = format!("start-up on an existing database, {STARTS} times");
        Ok(Row { name, p50_ms, p99_ms, ..Row::default() }.rounded())
    }
}

/// A plain text generation of each account.
fn generate(accounts: &[Account]) -> Requests {
    let body = json!({ "model": MODEL, "prompt": PROMPT }).to_string();
    accounts.iter().map(|account| post("/api/v2/generate", &account.key, &body)).collect()
}

/// The same in OpenAI's shape.
fn complete(accounts: &[Account]) -> Requests {
    let body = chat(MODEL, PROMPT, false);
    accounts.iter().map(|account| post("/v1/chat/completions", &account.key, &body)).collect()
}

/// What the gateway asks its vendor.
fn ask_upstream() -> Requests {
    [post(upstream::PATH, "bench", &chat("deepseek-flash", PROMPT, false))].into()
}

/// A request in OpenAI's shape.
pub(crate) fn chat(model: &str, prompt: &str, stream: bool) -> String {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] });
    if stream {
        body["stream"] = json!(true);
    }
    body.to_string()
}
