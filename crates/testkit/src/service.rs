//! The whole service on a socket: a test's database, a clock to move, and a sandbox in place of the vendors.

use crate::{CommitGate, EventStream, ManualClock, Reply, TestDatabase, documented};
use api::{CorsOrigins, HttpLimits, HttpSettings, TrustedProxies};
use app::{
    AnswerTimes, App, AppSettings, BillingSettings, CreateAccount, MasterSecret, Parts, PasswordCost,
    Scratch, SignInSettings, VerifyReport, WebhookSettings,
};
use domain::{
    billing::RenewalRules,
    catalog::{Catalog, Sources},
    id::{AccountId, KeyId},
    port::{PaymentGateway, PaymentMethod},
    time::DAY_MS,
};
use payments::{Gateway, PaymentsSettings};
use providers::{
    Callbacks, Client, ClientSettings, FetchSettings, Fetcher, Network, VendorSettings, WebhookClient,
    WebhookClientSettings,
};
use reqwest::{Method, RequestBuilder};
use sandbox::{NotificationTargets, Options, Sandbox};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use storage::{BlobSettings, Blobs, Storage};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// Times that a vendor is asked before its failure counts.
const MAX_ATTEMPTS: usize = 2;
const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// What a test may want otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Milliseconds that a generation may take at its vendor.
    pub call_timeout_ms: i64,
    /// Milliseconds that a job may take at its vendor.
    pub job_timeout_ms: i64,
    /// Jobs that one process works at at the same time.
    pub jobs_at_once: usize,
    /// Milliseconds that a client in OpenAI's shape is kept waiting for a file.
    pub file_wait_ms: i64,
    /// Milliseconds that running generations get when the service shuts down.
    pub shutdown_grace_ms: u64,
    /// Whether vendors count as the sandbox, where retirement days do not apply.
    pub is_sandbox: bool,
    /// Whether the service counts as reachable from outside.
    pub is_public: bool,
    /// Whether vendors are asked to call back. The clock then begins at the machine's own time, by which they sign.
    pub callbacks: bool,
    /// A vendor, and what it may cost in a day, in micro-dollars.
    pub daily_spend: Option<(&'static str, i64)>,
    /// Milliseconds for fetching what a request names by address.
    pub input_timeout_ms: u64,
    /// Requests of one account whose files are fetched at the same time.
    pub inputs_at_once_per_account: usize,
    /// Whether this machine counts as the open internet for what clients name by address.
    pub is_machine_public: bool,
    /// Where all vendors are, in place of a sandbox.
    pub vendors_url: Option<&'static str>,
    /// Milliseconds that a payment service has to answer one attempt.
    pub payment_timeout_ms: u64,
    /// Attempts at one request to a payment service.
    pub payment_attempts: usize,
    /// A model that this process does not sell.
    pub without_model: Option<&'static str>,
    /// The prefix of URLs handed out, in place of the service's own.
    pub public_url: Option<&'static str>,
    /// Wrong passwords for one e-mail address that are looked at in a quarter of an hour.
    pub password_attempts: u32,
    /// Requests that one address may make in a minute: those for signing in, and all others that need no key.
    pub per_minute: (u32, u32),
    /// What a connection and a request may take.
    pub http_limits: HttpLimits,
    /// Streams that one account may read at the same time.
    pub streams_per_account: usize,
    /// Origins whose pages may read answers, parted by commas.
    pub cors_origins: &'static str,
    /// Whether webhooks may go to this machine.
    pub allow_private_webhooks: bool,
    /// Milliseconds in which a client's server must have answered.
    pub webhook_timeout_ms: u64,
    /// Messages that one process sends to one host at the same time.
    pub webhooks_at_once_per_host: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            call_timeout_ms: 60_000,
            job_timeout_ms: 300_000,
            jobs_at_once: 16,
            file_wait_ms: 60_000,
            shutdown_grace_ms: 5_000,
            is_sandbox: true,
            is_public: false,
            callbacks: false,
            daily_spend: None,
            input_timeout_ms: 30_000,
            inputs_at_once_per_account: 16,
            is_machine_public: false,
            vendors_url: None,
            payment_timeout_ms: 15_000,
            payment_attempts: 3,
            without_model: None,
            public_url: None,
            password_attempts: 10,
            per_minute: (1_000, 1_000),
            http_limits: HttpLimits::default(),
            streams_per_account: 64,
            cors_origins: "",
            allow_private_webhooks: true,
            webhook_timeout_ms: 10_000,
            webhooks_at_once_per_host: 4,
        }
    }
}

/// One process of the service, as far as its clients can tell. Gone when it is dropped, without a farewell.
pub struct Service {
    /// The use-cases behind it.
    pub app: App,
    /// The clock of all services that share a database.
    pub clock: Arc<ManualClock>,
    /// The prefix of its paths, without a slash at the end.
    pub url: String,
    pub(crate) storage: Storage,
    /// What it takes for vendors and payment services, which go by the same clock.
    pub sandbox: Arc<Sandbox>,
    pub(crate) folder: Arc<TempDir>,
    http: reqwest::Client,
    server: JoinHandle<()>,
}

/// An account with its first key.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The id of its key.
    pub key_id: KeyId,
    /// Its key.
    pub key: String,
}

impl Service {
    /// Starts a service on `database`, with a sandbox of its own.
    pub async fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, Setup::default()).await
    }

    /// As [`Self::start`], set up otherwise.
    pub async fn start_with(database: &TestDatabase, setup: Setup) -> Self {
        Self::first(database, setup, None).await
    }

    /// As [`Self::start`], with `gate` behind all that it commits.
    pub async fn start_behind(database: &TestDatabase, gate: Arc<CommitGate>) -> Self {
        Self::first(database, Setup::default(), Some(gate)).await
    }

    async fn first(database: &TestDatabase, setup: Setup, gate: Option<Arc<CommitGate>>) -> Self {
        let clock = if setup.callbacks { ManualClock::at_present() } else { ManualClock::default() };
        let clock = Arc::new(clock);
        let options = Options { clock: Some(clock.clone()), ..Options::default() };
        let sandbox = Sandbox::start_with(SocketAddr::from(ANY_PORT), options).await.expect("a free port");
        let folder = Arc::new(TempDir::new().expect("a temporary folder"));
        let storage = match gate {
            Some(gate) => database.storage_watched(clock.clone(), gate).await,
            None => database.storage(clock.clone()).await,
        };
        let service = Self::assemble(storage, setup, clock, Arc::new(sandbox), folder).await;
        service.sandbox.set_notifications(notifications_to(&service.url));
        service
    }

    /// A second process on the same database, with the same clock and vendors.
    pub async fn another(&self, database: &TestDatabase) -> Self {
        self.another_with(database, Setup::default()).await
    }

    /// As [`Self::another`], set up otherwise.
    pub async fn another_with(&self, database: &TestDatabase, setup: Setup) -> Self {
        let storage = database.storage(self.clock.clone()).await;
        Self::assemble(storage, setup, self.clock.clone(), self.sandbox.clone(), self.folder.clone()).await
    }

    async fn assemble(
        storage: Storage,
        setup: Setup,
        clock: Arc<ManualClock>,
        sandbox: Arc<Sandbox>,
        folder: Arc<TempDir>,
    ) -> Self {
        let catalog = catalog(setup.without_model);
        let listener = TcpListener::bind(SocketAddr::from(ANY_PORT)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let daily_spend = setup.daily_spend.into_iter().map(|(vendor, most)| (vendor.to_owned(), most));
        let settings = AppSettings {
            is_sandbox: setup.is_sandbox,
            answer_timeout_ms: AnswerTimes::all(setup.call_timeout_ms),
            max_result_bytes: ClientSettings::default().max_result_bytes,
            job_timeout_ms: setup.job_timeout_ms,
            jobs_at_once: setup.jobs_at_once,
            file_wait_ms: setup.file_wait_ms,
            input_timeout_ms: setup.input_timeout_ms,
            inputs_at_once: 64,
            inputs_at_once_per_account: setup.inputs_at_once_per_account,
            streams_per_account: setup.streams_per_account,
            shutdown_grace_ms: setup.shutdown_grace_ms,
            public_url: setup.public_url.map_or_else(|| url.clone(), str::to_owned),
            is_public: setup.is_public,
            daily_spend_micro_usd: daily_spend.collect(),
            sign_in: sign_in(&setup),
            billing: BillingSettings {
                rules: renewal_rules(),
                kopecks_per_star: KOPECKS_PER_STAR,
                rows_at_once: 8,
            },
            webhooks: WebhookSettings {
                endpoints_per_account: 10,
                sent_at_once: 32,
                sent_at_once_per_host: setup.webhooks_at_once_per_host,
            },
        };
        let blobs = BlobSettings { url: folder.path().display().to_string(), ..Default::default() };
        let parts = Parts {
            storage: storage.clone(),
            blobs: Blobs::open(&blobs).expect("a folder for files"),
            provider: Arc::new(vendors(&sandbox, &setup)),
            fetch: Arc::new(fetcher(&setup)),
            gateways: gateways(&sandbox, setup),
            clock: clock.clone(),
            scratch: Scratch::open(&std::env::temp_dir().join("neuralbox-tests")).expect("a folder"),
            master_secret: MasterSecret::of(b"of all services in tests"),
            webhook_sender: Arc::new(webhook_client(&setup)),
            show_generation: api::ended_generation,
        };
        let app = App::new(parts, catalog, settings);
        app.register_node().await.expect("the database answers");
        let served = app.clone();
        let server = tokio::spawn(async move {
            let (sign_in_per_minute, public_per_minute) = setup.per_minute;
            let trusted_proxies = TrustedProxies::parse("127.0.0.1").expect("an address");
            let http = HttpSettings {
                trusted_proxies,
                public_per_minute,
                sign_in_per_minute,
                limits: setup.http_limits,
                cors_origins: CorsOrigins::parse(setup.cors_origins).expect("origins"),
            };
            api::serve(listener, served, http, std::future::pending()).await;
        });
        Self { app, clock, url, storage, sandbox, folder, http: http_client(), server }
    }

    /// Opens an account on `plan`, with so many permanent tokens on top of the plan's.
    pub async fn account(&self, plan: &str, tokens: i64) -> Account {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let email = format!("person-{}@example.org", COUNT.fetch_add(1, Ordering::Relaxed));
        let created = self.app.create_account(CreateAccount { email, plan: plan.to_owned(), tokens });
        let created = created.await.expect("the account is opened");
        Account { id: created.account_id, key_id: created.key.id, key: created.key.api_key }
    }

    /// An account on vip that has spent its allowance and can spend exactly `tokens`, permanent ones.
    pub async fn account_with(&self, tokens: i64) -> Account {
        let account = self.account("vip", 0).await;
        let wallet = self.storage.ledger().wallet(account.id).await.expect("the account has a wallet");
        let spender = self.spender().await;
        let hold = spender.hold(&account, wallet.plan_available).await.expect("the allowance is there");
        spender.end(account.id, hold, true).await;
        if tokens > 0 {
            self.app.grant(account.id, tokens).await.expect("the tokens are granted");
        }
        account
    }

    /// A request to a whole path; without a key when it is empty.
    pub fn request(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if key.is_empty() { request } else { request.bearer_auth(key) }
    }

    /// `GET` of a path under `/api/v2`.
    pub async fn get(&self, path: &str, key: &str) -> Reply {
        send(self.request(Method::GET, &format!("/api/v2{path}"), key)).await
    }

    /// `POST` of a JSON body to a path under `/api/v2`.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Reply {
        send(self.posting(path, key, body)).await
    }

    /// `POST /generate` of a model and a prompt.
    pub async fn generate(&self, key: &str, model: &str, prompt: &str) -> Reply {
        self.post("/generate", key, &json!({ "model": model, "prompt": prompt })).await
    }

    /// `POST /generate/stream` of a model and a prompt, read event by event.
    pub async fn stream(&self, key: &str, model: &str, prompt: &str) -> EventStream {
        let body = json!({ "model": model, "prompt": prompt });
        let response = self.posting("/generate/stream", key, &body).send().await;
        EventStream::of(response.expect("the service answers"))
    }

    pub(crate) fn posting(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/api/v2{path}"), key);
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// What `GET /balance` says can be spent.
    pub async fn balance(&self, key: &str) -> i64 {
        let balance = self.get("/balance", key).await.expect(200);
        balance["token_balance"].as_i64().expect("a whole number")
    }

    /// Has the next `times` requests to a vendor fail so.
    pub async fn break_vendor(&self, vendor: &str, fault: &str, times: u32) {
        let command = json!({ "service": vendor, "fault": fault, "times": times });
        let request = self.http.post(self.control_url()).body(command.to_string());
        send(request).await.expect(200);
    }

    pub(crate) fn http_client(&self) -> &reqwest::Client {
        &self.http
    }

    /// Requests that a vendor has had.
    pub async fn calls_of(&self, vendor: &str) -> u64 {
        let shown = send(self.http.get(self.control_url())).await.expect(200);
        shown[vendor]["requests"].as_u64().expect("a vendor that the sandbox knows")
    }

    /// Requests that all vendors have had.
    pub async fn calls(&self) -> u64 {
        let mut calls = 0;
        for vendor in sandbox::vendors() {
            calls += self.calls_of(vendor).await;
        }
        calls
    }

    fn control_url(&self) -> String {
        format!("http://{}/_control", self.sandbox.addr())
    }

    /// Replays the ledger, which must be in order.
    pub async fn assert_verifies(&self) -> VerifyReport {
        let report = self.app.verify_ledger().await.expect("the database answers");
        assert_eq!(report.problems, []);
        report
    }
}

/// The token of the bot in tests.
pub const BOT_TOKEN: &str = "1:token";

/// Passwords are hashed as cheaply as can be.
fn sign_in(setup: &Setup) -> SignInSettings {
    SignInSettings {
        telegram_bot_token: Some(BOT_TOKEN.into()),
        session_ms: 30 * DAY_MS,
        max_attempts: setup.password_attempts,
        password: PasswordCost { memory_kib: 8, passes: 1, at_once: 4 },
    }
}

/// When renewals are charged in tests: a day ahead, again after 1, 2, 4 and 6 days, with a week of grace.
pub fn renewal_rules() -> RenewalRules {
    RenewalRules {
        ahead_ms: DAY_MS,
        retries_ms: [1, 2, 4, 6].map(|days| days * DAY_MS).to_vec(),
        grace_ms: 7 * DAY_MS,
        stars_grace_ms: DAY_MS,
    }
}

/// What a Telegram Star is worth in tests, in kopecks.
pub const KOPECKS_PER_STAR: i64 = 120;
/// By what Telegram proves itself in tests.
pub const WEBHOOK_SECRET: &str = "test-secret";

fn notifications_to(url: &str) -> NotificationTargets {
    let url = |service: &str| format!("{url}/api/v2/billing/notifications/{service}");
    NotificationTargets {
        yookassa: Some(url("yookassa")),
        telegram: Some((url("telegram"), WEBHOOK_SECRET.to_owned())),
    }
}

/// The built-in catalog, without that model.
fn catalog(without: Option<&str>) -> Catalog {
    let all = Sources::default();
    let line = without.map(|slug| format!("slug = \"{slug}\""));
    let is_sold = |block: &&str| line.as_ref().is_none_or(|line| !block.lines().any(|other| other == line));
    let models = all.models.split("[[model]]").filter(is_sold).collect::<Vec<_>>().join("[[model]]");
    Catalog::parse(&Sources { models: &models, ..all }).expect("a catalog")
}

/// The sandbox's payment services.
fn gateways(sandbox: &Sandbox, setup: Setup) -> Vec<Arc<dyn PaymentGateway>> {
    let base_url = |service: &str| sandbox.base_url(service).expect("a service of the sandbox's");
    let mut settings = PaymentsSettings {
        first_backoff_ms: 1,
        attempt_timeout_ms: setup.payment_timeout_ms,
        max_attempts: setup.payment_attempts,
        ..PaymentsSettings::default()
    };
    settings.yookassa.shop_id = "100500".to_owned();
    settings.yookassa.secret_key = "test_key".into();
    settings.yookassa.base_url = base_url("yookassa");
    settings.telegram.bot_token = BOT_TOKEN.into();
    settings.telegram.webhook_secret = WEBHOOK_SECRET.into();
    settings.telegram.base_url = base_url("telegram");
    settings.telegram.kopecks_per_star = KOPECKS_PER_STAR;
    let gateway = |method| Gateway::new(method, &settings).expect("a gateway to the sandbox");
    PaymentMethod::ALL.map(gateway).map(|gateway| Arc::new(gateway) as Arc<dyn PaymentGateway>).to_vec()
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Sends a request and reads its answer, which must be one that the API's document announces.
pub async fn send(request: RequestBuilder) -> Reply {
    let (client, request) = request.build_split();
    let request = request.expect("a request that can be sent");
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let reply = Reply::read(client.execute(request).await.expect("the service answers")).await;
    documented::check(&method, &path, &reply);
    reply
}

/// A client for plain HTTP on this machine, which needs no certificates and no proxy.
pub fn http_client() -> reqwest::Client {
    // The vendors' client brings what TLS is made with, without which there is no other client either.
    Client::new(ClientSettings::default(), BTreeMap::new()).expect("a client of no vendor");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
    client.expect("an HTTP client")
}

fn fetcher(setup: &Setup) -> Fetcher {
    let network = if setup.is_machine_public {
        Network { is_public: |_| true, ..Network::default() }
    } else {
        Network::default()
    };
    Fetcher::with_network(FetchSettings::default(), network).expect("a fetcher")
}

fn webhook_client(setup: &Setup) -> WebhookClient {
    let settings = WebhookClientSettings {
        timeout_ms: setup.webhook_timeout_ms,
        allow_private: setup.allow_private_webhooks,
    };
    WebhookClient::new(settings).expect("an HTTP client")
}

/// All vendors of the sandbox, or elsewhere, asked again quickly when they fail.
fn vendors(sandbox: &Sandbox, setup: &Setup) -> Client {
    let access = |vendor: &str| {
        let base_url = setup.vendors_url.map(str::to_owned).or_else(|| sandbox.base_url(vendor));
        (
            vendor.to_owned(),
            VendorSettings {
                api_key: Some("key".into()),
                base_url,
                callbacks: setup.callbacks && providers::callbacks(vendor) != Callbacks::None,
                webhook_secret: sandbox::webhook_secret(vendor).map(Into::into),
                ..VendorSettings::default()
            },
        )
    };
    let settings = ClientSettings {
        max_attempts: MAX_ATTEMPTS,
        first_backoff_ms: 1,
        max_backoff_ms: 1,
        // On a busy machine many calls at once take a while.
        max_queue_ms: 60_000,
        ..ClientSettings::default()
    };
    Client::new(settings, sandbox::vendors().map(access).collect()).expect("a client of the sandbox")
}
