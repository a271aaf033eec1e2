//! A process of the service: a runtime of its own, which takes everything that runs in it along when it dies.

use super::{points::Points, till::Till, vendor::Vendor};
use app::{
    AnswerTimes, App, AppSettings, BillingSettings, MasterSecret, Parts, PasswordCost, Running, Scratch,
    SignInSettings, WebhookSettings,
};
use domain::{
    catalog::{Catalog, Sources},
    port::{Fetch, FetchFailure, FetchFailureKind, FetchLimits, WebhookSender},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use storage::{BlobSettings, Blobs};
use tempfile::TempDir;
use testkit::{KOPECKS_PER_STAR, ManualClock, TestDatabase, renewal_rules};
use tokio::runtime::{Builder, Runtime};

/// Milliseconds that an answer may take which comes at once. Long, for a call that the simulation leaves waiting waits by the
/// machine's own clock too.
pub const ANSWER_MS: i64 = 600_000;
/// Milliseconds that a job may take, where the catalog does not say.
pub const JOB_MS: i64 = 300_000;

/// What outlives processes.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub points: Arc<Points>,
    pub vendor: Arc<Vendor>,
    pub till: Arc<Till>,
    pub folder: TempDir,
    catalog: Catalog,
}

impl World {
    pub fn new() -> Self {
        let (clock, points) = (Arc::<ManualClock>::default(), Arc::<Points>::default());
        Self {
            vendor: Arc::new(Vendor::new(points.clone())),
            till: Arc::new(Till::new(points.clone(), clock.clone())),
            folder: TempDir::new().unwrap(),
            catalog: Catalog::parse(&Sources::default()).unwrap(),
            clock,
            points,
        }
    }
}

/// A process.
pub struct Process {
    pub app: App,
    /// Clients that still listen, by their generation.
    pub clients: BTreeMap<i64, Running>,
    points: Arc<Points>,
    // Last, for what stands above lives in it.
    runtime: Runtime,
}

impl Process {
    /// Starts one over what is there.
    pub fn start(world: &World, database: &TestDatabase) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(async {
            let storage = database.storage_watched(world.clock.clone(), world.points.clone()).await;
            let blobs = BlobSettings {
                url: world.folder.path().join("files").display().to_string(),
                ..BlobSettings::default()
            };
            let parts = Parts {
                storage,
                blobs: Blobs::open(&blobs).unwrap(),
                provider: world.vendor.clone(),
                fetch: Arc::new(Nowhere),
                gateways: vec![world.till.clone()],
                clock: world.clock.clone(),
                scratch: Scratch::open(&world.folder.path().join("scratch")).unwrap(),
                master_secret: MasterSecret::of(b"of the simulation"),
                webhook_sender: Arc::new(Nowhere),
                show_generation: |_| serde_json::Value::Null,
            };
            let app = App::new(parts, world.catalog.clone(), settings());
            app.register_node().await.unwrap();
            app
        });
        Self { app, clients: BTreeMap::new(), points: world.points.clone(), runtime }
    }

    /// Has `work` done in it; `None` when it dies meanwhile.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let death = self.points.death();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = death => None,
                done = Box::pin(work) => Some(done),
            }
        })
    }
}

fn settings() -> AppSettings {
    AppSettings {
        is_sandbox: true,
        answer_timeout_ms: AnswerTimes::all(ANSWER_MS),
        job_timeout_ms: JOB_MS,
        file_wait_ms: 1_000,
        max_result_bytes: 1_000_000,
        // One thing at a time, so that a run can be repeated.
        jobs_at_once: 1,
        billing: BillingSettings {
            rules: renewal_rules(),
            kopecks_per_star: KOPECKS_PER_STAR,
            rows_at_once: 1,
        },
        input_timeout_ms: 1_000,
        inputs_at_once: 1,
        inputs_at_once_per_account: 1,
        streams_per_account: 1_000,
        public_url: "http://service.example".to_owned(),
        is_public: false,
        shutdown_grace_ms: 1,
        daily_spend_micro_usd: BTreeMap::new(),
        sign_in: SignInSettings {
            telegram_bot_token: None,
            session_ms: 1_000,
            max_attempts: 1,
            password: PasswordCost { memory_kib: 8, passes: 1, at_once: 1 },
        },
        webhooks: WebhookSettings { endpoints_per_account: 1, sent_at_once: 1, sent_at_once_per_host: 1 },
    }
}

/// The outside world, which nobody here needs.
struct Nowhere;

#[async_trait::async_trait]
impl Fetch for Nowhere {
    async fn fetch(&self, _: &str, _: FetchLimits, _: &Path) -> Result<(), FetchFailure> {
        Err(FetchFailure { kind: FetchFailureKind::Gone, message: "nothing is there".to_owned() })
    }
}

#[async_trait::async_trait]
impl WebhookSender for Nowhere {
    fn host(&self, _: &str) -> Result<String, String> {
        Err("nobody is there".to_owned())
    }

    async fn send(&self, _: &str, _: &[(&'static str, String)], _: String) -> Result<u16, String> {
        Err("nobody is there".to_owned())
    }
}
