//! What a test's service is made of, and what of that a test may want otherwise.

use api::HttpLimits;
use app::{AnswerTimes, AppSettings, BillingSettings, PasswordCost, SignInSettings, WebhookSettings};
use domain::{
    billing::RenewalRules,
    catalog::{Catalog, Sources},
    port::{PaymentGateway, PaymentMethod},
    time::DAY_MS,
};
use payments::{Gateway, PaymentsSettings};
use providers::{
    Callbacks, Client, ClientSettings, FetchSettings, Fetcher, Network, VendorSettings, WebhookClient,
    WebhookClientSettings,
};
use sandbox::{NotificationTargets, Sandbox};
use std::sync::Arc;
/// Times that a vendor is asked before its failure counts.
const MAX_ATTEMPTS: usize = 2;

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

/// How the service is set up that answers at `url`.
pub(super) fn settings(setup: &Setup, url: &str) -> AppSettings {
    let daily_spend = setup.daily_spend.into_iter().map(|(vendor, most)| (vendor.to_owned(), most));
    AppSettings {
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
        public_url: setup.public_url.map_or_else(|| url.to_owned(), str::to_owned),
        is_public: setup.is_public,
        daily_spend_micro_usd: daily_spend.collect(),
        sign_in: sign_in(setup),
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

pub(super) fn notifications_to(url: &str) -> NotificationTargets {
    let url = |service: &str| format!("{url}/api/v2/billing/notifications/{service}");
    NotificationTargets {
        yookassa: Some(url("yookassa")),
        telegram: Some((url("telegram"), WEBHOOK_SECRET.to_owned())),
    }
}

/// The built-in catalog, without that model.
pub(super) fn catalog(without: Option<&str>) -> Catalog {
    let all = Sources::default();
    let line = without.map(|slug| format!("slug = \"{slug}\""));
    let is_sold = |block: &&str| line.as_ref().is_none_or(|line| !block.lines().any(|other| other == line));
    let models = all.models.split("[[model]]").filter(is_sold).collect::<Vec<_>>().join("[[model]]");
    Catalog::parse(&Sources { models: &models, ..all }).expect("a catalog")
}

/// The sandbox's payment services.
pub(super) fn gateways(sandbox: &Sandbox, setup: Setup) -> Vec<Arc<dyn PaymentGateway>> {
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

pub(super) fn fetcher(setup: &Setup) -> Fetcher {
    let network = if setup.is_machine_public {
        Network { is_public: |_| true, ..Network::default() }
    } else {
        Network::default()
    };
    Fetcher::with_network(FetchSettings::default(), network).expect("a fetcher")
}

pub(super) fn webhook_client(setup: &Setup) -> WebhookClient {
    let settings = WebhookClientSettings {
        timeout_ms: setup.webhook_timeout_ms,
        allow_private: setup.allow_private_webhooks,
    };
    WebhookClient::new(settings).expect("an HTTP client")
}

/// All vendors of the sandbox, or elsewhere, asked again quickly when they fail.
pub(super) fn vendors(sandbox: &Sandbox, setup: &Setup) -> Client {
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
