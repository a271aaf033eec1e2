//! A run: an installation, its clients, and whoever kills.

use super::{
    books::Books,
    check::{Check, contradictions},
    client::{Client, Diary},
    fleet::Fleet,
    kills::Kill,
    plan::{Plan, Until},
    report::{Counts, report},
    settings::settings,
    settle,
    shop::{Account, Phase, Shop},
};
use crate::installation::Installation;
use rand::{SeedableRng, rngs::StdRng};
use sandbox::{NotificationTargets, Sandbox};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use testkit::{PostgresServer, TestDatabase};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// Accounts with their plans, and their share of all clients.
const ACCOUNTS: [(&str, &str, usize); 4] =
    [("anna", "elite", 4), ("boris", "elite", 3), ("clara", "elite", 2), ("denis", "vip", 1)];
/// Generations that the plan `vip` admits in an hour.
const VIP_HOURLY: usize = 100;
/// Permanent tokens that each account gets on top of its plan's.
const GIFT_TOKENS: i64 = 20_000;
/// How long a command may take that looks at the database.
const COMMAND_PATIENCE: Duration = Duration::from_secs(120);
/// So many kills lie between two looks at the ledger.
const VERIFY_EVERY: u64 = 5;
/// Between two looks whether all processes run that should.
const PACE: Duration = Duration::from_millis(100);
/// What clients get beyond the longest time of a generation to hear of its end.
const HEARING: Duration = Duration::from_secs(30);

/// A run.
pub(super) struct World {
    plan: Plan,
    installation: Installation,
    server: Option<PostgresServer>,
    sandbox: Sandbox,
    fleet: Fleet,
    logs: TempDir,
    counts: Counts,
    problems: Vec<String>,
    started: Instant,
}

impl World {
    pub(super) async fn new(plan: Plan, database: TestDatabase, server: Option<PostgresServer>) -> Self {
        let logs = tempfile::tempdir().expect("a temporary folder");
        let folder = logs.path().to_owned();
        let fleet = if server.is_some() { Fleet::many(folder) } else { Fleet::alone(folder) };
        let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let url = fleet.urls().remove(0);
        sandbox.set_notifications(NotificationTargets {
            yookassa: Some(format!("{url}/api/v2/billing/notifications/yookassa")),
            telegram: None,
        });
        let installation = settings(Installation::new(database), &sandbox, &url);
        Self {
            plan,
            installation,
            server,
            sandbox,
            fleet,
            logs,
            counts: Counts::default(),
            problems: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Lets clients ask and processes die; then all must agree.
    pub(super) async fn live(mut self) {
        let (phase, watched) = watch::channel(Phase::Trouble);
        let shop = Shop::new(self.fleet.urls(), watched);
        let mut accounts = self.accounts();
        self.fleet.ready(&self.installation, &shop.http).await;
        for account in &mut accounts {
            let balance = shop.read("/balance", &account.key).await.expect("a balance");
            account.granted_tokens = balance["token_balance"].as_i64().expect("a number");
        }
        self.say(&format!("{} runs, seed {}", self.plan.database(), self.plan.seed));
        let ended = Arc::new(AtomicU64::new(0));
        let clients = self.clients(&accounts, &shop, &ended);
        self.trouble(&ended).await;

        self.fleet.ready(&self.installation, &shop.http).await;
        let (calm, calm_since_ms) = (Instant::now(), now_ms());
        phase.send_replace(Phase::Calm { until: calm + settle::longest() + HEARING });
        self.say("all runs again; what is under way ends");
        let mut diaries = clients.join_all().await;
        diaries.sort_by_key(|(account, _)| *account);
        self.settle(&shop, &accounts, &mut diaries).await;
        self.counts.calm = calm.elapsed();

        self.say("the books are compared");
        // For reading, there is time.
        phase.send_replace(Phase::Calm { until: Instant::now() + COMMAND_PATIENCE });
        self.problems.extend(contradictions(&diaries));
        for (index, account) in accounts.iter().enumerate() {
            self.compare(&shop, (index, account), &diaries, calm_since_ms).await;
        }
        self.verify(true);
        self.problems.append(&mut self.fleet.problems);
        self.problems.extend(self.fleet.panics());
        self.end(&diaries);
    }

    fn accounts(&self) -> Vec<Account> {
        let open = |(name, plan, _): (&str, &str, usize)| Account {
            name: name.to_owned(),
            key: self.installation.account_on(plan, &format!("{name}@example.org"), GIFT_TOKENS).1,
            granted_tokens: 0,
            hourly: (plan == "vip").then_some(VIP_HOURLY),
        };
        ACCOUNTS.map(open).into()
    }

    fn clients(&self, accounts: &[Account], shop: &Shop, ended: &Arc<AtomicU64>) -> JoinSet<(usize, Diary)> {
        let mut clients = JoinSet::new();
        for (index, account) in accounts.iter().enumerate() {
            for number in 0..ACCOUNTS[index].2 * self.plan.crowd {
                let client = Client {
                    name: format!("{}{number}", account.name),
                    account: account.clone(),
                    shop: shop.clone(),
                    rng: self.rng(1 + (index * 100 + number) as u64),
                    ended: ended.clone(),
                };
                clients.spawn(async move { (index, client.live().await) });
            }
        }
        clients
    }

    /// One of several rows of chance that all follow from the seed.
    fn rng(&self, row: u64) -> StdRng {
        StdRng::seed_from_u64(self.plan.seed.wrapping_mul(1_000).wrapping_add(row))
    }

    /// Kills and starts again, for as long as the plan says.
    async fn trouble(&mut self, ended: &AtomicU64) {
        let mut rng = self.rng(0);
        let started = Instant::now();
        for number in 1.. {
            let kill = Kill::draw(&mut rng, self.fleet.len(), self.server.is_some());
            self.pass(kill.pause).await;
            let victims = self.strike(&kill);
            let (down_ms, orders) = (kill.down.as_millis(), ended.load(Ordering::Relaxed));
            self.say(&format!("{orders} orders; kill {number}: {victims}, away for {down_ms} ms"));
            self.pass(kill.down).await;
            if kill.is_database {
                self.server.as_mut().expect("a server that was killed").start_again();
            }
            self.fleet.want_all(&self.installation);
            if number % VERIFY_EVERY == 0 {
                self.verify(false);
            }
            let is_over = match self.plan.until {
                Until::Time(time) => started.elapsed() >= time,
                Until::Kills(kills) => number >= kills,
            };
            if is_over {
                return;
            }
        }
    }

    /// Lets time pass in which processes that end by themselves are started again.
    async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.fleet.mind(&self.installation);
            testkit::pass(PACE.min(until - Instant::now())).await;
        }
    }

    /// Kills, and says whom.
    fn strike(&mut self, kill: &Kill) -> String {
        let mut victims = Vec::new();
        for index in &kill.processes {
            self.fleet.kill(*index);
            victims.push(self.fleet.name(*index).to_owned());
        }
        if kill.is_database {
            self.server.as_mut().expect("a server that can be killed").crash();
            victims.push("postgres".to_owned());
        }
        for victim in &victims {
            *self.counts.kills.entry(victim.clone()).or_default() += 1;
        }
        victims.join(", ")
    }

    /// Waits for all that runs, and repeats what bears a name.
    async fn settle(&mut self, shop: &Shop, accounts: &[Account], diaries: &mut [(usize, Diary)]) {
        for account in accounts {
            let pending = settle::pending(shop, account).await;
            self.problems
                .extend(pending.into_iter().map(|item| format!("{} is pending: {item}", account.name)));
        }
        let sandbox_url = format!("http://{}", self.sandbox.addr());
        let unpaid = settle::payments(shop, &sandbox_url, accounts).await;
        self.problems.extend(unpaid.into_iter().map(|payment| format!("nothing comes of payment {payment}")));
        for (account, diary) in diaries {
            for record in &mut diary.records {
                let is_repeated =
                    settle::repeat(shop, &accounts[*account], record, &mut diary.nonsense).await;
                self.counts.repeated += u64::from(is_repeated);
            }
        }
    }

    /// Holds an account's books against what its clients know.
    async fn compare(
        &mut self,
        shop: &Shop,
        (index, account): (usize, &Account),
        diaries: &[(usize, Diary)],
        calm_since_ms: i64,
    ) {
        let Some(books) = Books::read(shop, account).await else {
            return self.problems.push(format!("{}: the books cannot be read", account.name));
        };
        for (id, generation) in &books.generations {
            let Some(url) = &generation.file else { continue };
            if !shop.has_file(url).await {
                self.problems.push(format!("{}: {id} was charged, and its file is gone", account.name));
            }
        }
        self.counts.generations += books.generations.len();
        self.counts.charged_tokens += books.generations.values().map(|one| one.tokens_spent).sum::<i64>();
        let own = || diaries.iter().filter(|(owner, _)| *owner == index).map(|(_, diary)| diary);
        let check = Check {
            account,
            books: &books,
            records: own().flat_map(|diary| &diary.records).collect(),
            purchases: own().flat_map(|diary| &diary.purchases).collect(),
            calm_since_ms,
        };
        self.problems.extend(check.disagreements());
    }

    /// Has the ledger verified. Under way the database may be away, and holds are open.
    fn verify(&mut self, is_end: bool) {
        let arguments = ["ledger", "verify", "--json"];
        let said = tokio::task::block_in_place(|| self.installation.run_within(&arguments, COMMAND_PATIENCE));
        let report: Option<serde_json::Value> = serde_json::from_str(&said.stdout).ok();
        match report {
            Some(report) if report["clean"] != true => self.problems.push(format!("the ledger: {report}")),
            Some(report) if is_end && report["open_holds"] != 0 => {
                self.problems.push(format!("holds are left: {report}"));
            }
            Some(_) => self.counts.verified += u64::from(!is_end),
            None if is_end => self.problems.push(format!("the ledger cannot be verified: {said:?}")),
            None => {}
        }
    }

    fn end(self, diaries: &[(usize, Diary)]) {
        let report = report(&self.plan, &self.counts, diaries, &self.problems);
        let text = serde_json::to_string_pretty(&report).expect("JSON");
        if let Some(path) = &self.plan.report {
            fs::write(path, &text).expect("a place for the report");
        }
        self.say(&text);
        if !self.problems.is_empty() {
            let logs = self.logs.keep();
            panic!(
                "{} disagreements, seed {}; logs are in {}",
                self.problems.len(),
                self.plan.seed,
                logs.display()
            );
        }
    }

    #[expect(clippy::print_stderr, reason = "somebody watches, or it has failed")]
    fn say(&self, what: &str) {
        eprintln!("{:7.1} s  {what}", self.started.elapsed().as_secs_f64());
    }
}

#[expect(clippy::disallowed_methods, reason = "it is compared with what processes of their own say")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292278994")
}
