//! The whole service on a socket: a test's database, a clock to move, and a sandbox in place of the vendors.

mod setup;

pub use setup::{BOT_TOKEN, KOPECKS_PER_STAR, Setup, WEBHOOK_SECRET, renewal_rules};

use crate::{CommitGate, EventStream, ManualClock, Reply, TestDatabase, documented};
use api::{CorsOrigins, HttpSettings, TrustedProxies};
use app::{App, CreateAccount, MasterSecret, Parts, Scratch, VerifyReport};
use domain::id::{AccountId, KeyId};
use providers::{Client, ClientSettings};
use reqwest::{Method, RequestBuilder};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use setup::{catalog, fetcher, gateways, notifications_to, settings, vendors, webhook_client};
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

const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

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
        let settings = settings(&setup, &url);
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
