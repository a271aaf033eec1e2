//! The use-cases. Each is a method of [`App`], called by the API, the worker and the command line alike.

mod accounts;
mod answer_times;
mod authenticate;
mod billing;
mod erase;
mod error;
mod failed_call;
mod generate;
mod idempotency;
mod key;
mod keys;
mod limits;
mod liveness;
mod measure;
mod media;
mod node;
mod operator;
mod profile;
mod records;
mod recover;
mod room;
mod scratch;
mod secret;
mod sell;
mod sign_in;
mod spend;
mod webhooks;

pub use accounts::{CreateAccount, CreatedAccount};
pub use answer_times::AnswerTimes;
pub use authenticate::Caller;
pub use billing::{
    Billed, BillingSettings, Books, Finding, FindingKind, InDoubt, InWords, Order, OrderAnswer, Ordered,
    Outcome, PaymentDetails, Reconciliation, RefundQuote,
};
pub use error::{Error, FailedGeneration};
pub use generate::{Finished, GenerateRequest, Running, Start};
pub use idempotency::{IdempotencyKey, Replay};
pub use keys::{CreateKey, CreatedKey};
pub use measure::{Gauge, describe_metrics};
pub use media::{
    Awaited, Expected, MAX_INPUT_BYTES, OpenFile, Round, Spool, Spooled, Upload, ends_job, result_kind,
};
pub use node::HEARTBEAT_MS;
pub use operator::{AccountOverview, KEY_PREFIX_CHARS};
pub use profile::{Profile, Purse};
pub use records::{
    Balance, Entries, GenerationView, HistoryPage, HistoryRequest, MAX_HISTORY_DEPTH, UsageStats, Used,
};
pub use recover::Recovered;
pub use scratch::Scratch;
pub use secret::MasterSecret;
pub use sign_in::{PasswordCost, SignInSettings, SignedIn};
pub use storage::{
    AccountRecord, AuditFilter, AuditNote, AuditOutcome, AuditRecord, DeliveryRecord, EndpointRecord,
    EntryRecord, GenerationRecord, GenerationStatus, HistoryFilter, KeyRecord, ProfileChange, VerifyProblem,
    VerifyReport,
};
pub use webhooks::{
    CreateEndpoint, CreatedEndpoint, DeliveriesPage, MAX_DELIVERIES_DEPTH, ShowGeneration, WebhookSettings,
    message_id,
};

use authenticate::KeyCache;
use domain::{
    catalog::Catalog,
    id::{AccountId, GenerationId},
    port::{Clock, Fetch, PaymentGateway, Provider, WebhookSender},
};
use generate::InFlight;
use keys::KeyUses;
use liveness::Watch;
use media::InputRoom;
use node::Node;
use room::AccountRoom;
use sign_in::{AccessTokens, Attempts, Passwords};
use spend::Spend;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use storage::{Blobs, Storage};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use webhooks::Webhooks;

/// What a deployment decides about the use-cases.
#[derive(Clone, Debug)]
pub struct AppSettings {
    /// Whether vendors are the sandbox, where retirement days do not apply.
    pub is_sandbox: bool,
    /// How long answers may take that come at once, unless the catalog says otherwise.
    pub answer_timeout_ms: AnswerTimes,
    /// Milliseconds that a job may take at its vendor, unless the catalog says otherwise.
    pub job_timeout_ms: i64,
    /// Milliseconds that a client is kept waiting for a file when it has no other way to get it.
    pub file_wait_ms: i64,
    /// Bytes that a result may have.
    pub max_result_bytes: u64,
    /// Jobs that this process works at at the same time: asks after, and fetches what they made.
    pub jobs_at_once: usize,
    /// Milliseconds for fetching all files that a request names by address.
    pub input_timeout_ms: u64,
    /// Requests whose files this process fetches at the same time.
    pub inputs_at_once: usize,
    /// As many of them may be one account's.
    pub inputs_at_once_per_account: usize,
    /// Streams that one account may read from this process at the same time.
    pub streams_per_account: usize,
    /// Prefix of every URL handed out; no slash at the end.
    pub public_url: String,
    /// Whether the outside world reaches this service there.
    pub is_public: bool,
    /// Milliseconds that running generations get to finish when the process ends.
    pub shutdown_grace_ms: u64,
    /// What vendors may cost us in a day of UTC, in micro-dollars of the catalog's prices; those that are not named, anything.
    pub daily_spend_micro_usd: BTreeMap<String, i64>,
    /// What is decided about billing.
    pub billing: BillingSettings,
    /// What is decided about signing in.
    pub sign_in: SignInSettings,
    /// What is decided about webhooks.
    pub webhooks: WebhookSettings,
}

/// The use-cases over one database and one set of vendors. Clones share it.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

impl AppSettings {
    fn public_url(&self) -> &str {
        self.public_url.trim_end_matches('/')
    }
}

/// What the use-cases stand on.
pub struct Parts {
    /// The database.
    pub storage: Storage,
    /// Where files lie.
    pub blobs: Blobs,
    /// The vendors.
    pub provider: Arc<dyn Provider>,
    /// The way to files elsewhere.
    pub fetch: Arc<dyn Fetch>,
    /// The payment services that are configured.
    pub gateways: Vec<Arc<dyn PaymentGateway>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where files on their way lie.
    pub scratch: Scratch,
    /// What this installation makes its secrets from.
    pub master_secret: MasterSecret,
    /// The way to clients' servers.
    pub webhook_sender: Arc<dyn WebhookSender>,
    /// How a generation that has ended is shown in messages to them.
    pub show_generation: ShowGeneration,
}

struct Inner {
    storage: Storage,
    blobs: Blobs,
    provider: Arc<dyn Provider>,
    fetch: Arc<dyn Fetch>,
    gateways: Vec<Arc<dyn PaymentGateway>>,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    settings: AppSettings,
    scratch: Scratch,
    master_secret: MasterSecret,
    webhooks: Webhooks,
    keys: KeyCache,
    access_tokens: AccessTokens,
    attempts: Attempts,
    passwords: Passwords,
    key_uses: KeyUses,
    node: Mutex<Option<Node>>,
    /// Held by whoever says that this process is alive: two at once would each enter it anew.
    beating: tokio::sync::Mutex<()>,
    watch: Mutex<Watch>,
    in_flight: InFlight,
    spend: Spend,
    /// Places for jobs that are worked at.
    job_room: Arc<Semaphore>,
    input_room: InputRoom,
    streams: AccountRoom,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl App {
    /// Puts the parts together. Nothing runs yet; a process that generates calls [`App::register_node`] first.
    pub fn new(parts: Parts, catalog: Catalog, settings: AppSettings) -> Self {
        let Parts { storage, blobs, provider, fetch, gateways, clock, scratch, .. } = parts;
        let (master_secret, sender, show) =
            (parts.master_secret, parts.webhook_sender, parts.show_generation);
        let inner = Inner {
            storage,
            blobs,
            provider,
            fetch,
            gateways,
            catalog,
            clock,
            spend: Spend::new(settings.daily_spend_micro_usd.clone()),
            job_room: Arc::new(Semaphore::new(settings.jobs_at_once.min(Semaphore::MAX_PERMITS))),
            input_room: InputRoom::new(settings.inputs_at_once, settings.inputs_at_once_per_account),
            streams: AccountRoom::new(settings.streams_per_account),
            webhooks: Webhooks::new(sender, show, settings.webhooks),
            access_tokens: AccessTokens::new(&master_secret),
            attempts: Attempts::new(settings.sign_in.max_attempts),
            passwords: Passwords::new(settings.sign_in.password),
            settings,
            scratch,
            master_secret,
            keys: KeyCache::new(),
            key_uses: KeyUses::default(),
            node: Mutex::new(None),
            beating: tokio::sync::Mutex::default(),
            watch: Mutex::new(Watch::default()),
            in_flight: InFlight::default(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// A fresh folder for files on their way.
    fn scratch_folder(&self) -> Result<TempDir, Error> {
        self.inner.scratch.folder().map_err(|error| {
            tracing::error!(%error, "this machine's disk");
            Error::Overloaded
        })
    }

    /// Whether generations can be had: the database answers, and the ledger takes commands.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when not.
    pub async fn ready(&self) -> Result<(), Error> {
        if !self.storage().ledger().is_running() {
            return Err(Error::Overloaded);
        }
        Ok(self.storage().ping().await?)
    }

    /// Replays the ledger.
    ///
    /// # Errors
    /// The database's.
    pub async fn verify_ledger(&self) -> Result<VerifyReport, Error> {
        Ok(self.storage().ledger().verify().await?)
    }

    /// Lets running generations and work at jobs finish, and gives back what does not in time. Takes no more of them. [`App::sign_off`]
    /// follows when the heartbeat has ended.
    pub async fn shut_down(&self) {
        self.inner.tasks.close();
        let grace = std::time::Duration::from_millis(self.inner.settings.shutdown_grace_ms);
        if tokio::time::timeout(grace, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!(
                running = self.inner.tasks.len(),
                "generations are given back at the end of the grace"
            );
            self.inner.shutdown.cancel();
            self.inner.tasks.wait().await;
        }
    }
}

/// A generation's full name.
type HoldKey = (AccountId, GenerationId);
