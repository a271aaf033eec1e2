//! What the outside world implements: vendors, payment services, and the clock.

mod payment;
mod webhook;

pub use payment::{
    Charge, Decline, GatewayError, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord,
    GatewayRefund, GatewayRefundStatus, Notification, NotificationError, PaymentGateway, PaymentMethod,
    PaymentOrder, RefundOrder,
};
pub use webhook::WebhookSender;

use crate::{
    catalog::{Category, Upstream},
    id::GenerationId,
    media::{JobState, Made, MediaCall},
    params::FieldError,
    text::{FunctionCall, TextInput},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Tells the time. The only source of it, so that tests can move it.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Milliseconds since some fixed moment of this process; never goes back, whatever happens to the time of day.
    fn monotonic_ms(&self) -> i64;
}

/// One generation, as a vendor's adapter gets it: priced, held, and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose hold pays for it.
    pub generation_id: GenerationId,
    /// The adapter's name.
    pub vendor: String,
    /// The vendor's model and the settings always sent with it.
    pub upstream: Upstream,
    /// What is asked.
    pub input: Input,
    /// Whether deltas are wanted as they come.
    pub stream: bool,
    /// Milliseconds for the whole call, retries and the pauses between them included.
    pub timeout_ms: i64,
}

/// What is asked of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A conversation to continue.
    Text(TextInput),
}

/// A vendor's finished answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The whole text; empty only beside calls.
    pub text: String,
    /// Functions that the model asks to have called, when the call offered some.
    pub tool_calls: Vec<FunctionCall>,
    /// What the vendor says it used. It never moves a price.
    pub usage: Option<Usage>,
    /// The model that answered, as the vendor names it.
    pub upstream_model: Option<String>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model had said it all.
    Stop,
    /// The ceiling on output was reached.
    Length,
    /// It asks for functions to be called, and waits for what they give.
    ToolCalls,
}

impl FinishReason {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// The vendor's tokens that a generation used. Values are checked where they are read: never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// All input, cached input included.
    pub input_tokens: i64,
    /// The part of the input that the vendor had cached.
    pub cached_input_tokens: i64,
    /// All output, hidden thinking included.
    pub output_tokens: i64,
}

/// What went wrong at a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// No answer in time.
    Timeout,
    /// The vendor has too much to do, or is broken for now.
    Overloaded,
    /// Too many requests with our key.
    RateLimited,
    /// An answer that does not follow the vendor's protocol.
    BadResponse,
    /// A stream, or a body, that ended before it was complete.
    StreamCut,
    /// A job that the vendor says has failed.
    JobFailed,
    /// The vendor took the request for wrong: ours to mend.
    RejectedRequest,
    /// The vendor refused the content.
    ContentRefused,
    /// The vendor refused our key.
    BadKey,
    /// Our money or quota at the vendor is gone.
    QuotaExhausted,
    /// The vendor no longer knows the model.
    ModelGone,
    /// There is no adapter or no key for the vendor.
    NotConfigured,
    /// The vendor was not asked: it has failed too often and is left alone for a while.
    CircuitOpen,
    /// The vendor was not asked: it has as much work of ours as it is to have at once.
    Busy,
    /// This machine failed, its disk say: it says nothing about the vendor.
    Local,
}

impl ProviderErrorKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Timeout,
        Self::Overloaded,
        Self::RateLimited,
        Self::BadResponse,
        Self::StreamCut,
        Self::JobFailed,
        Self::RejectedRequest,
        Self::ContentRefused,
        Self::BadKey,
        Self::QuotaExhausted,
        Self::ModelGone,
        Self::NotConfigured,
        Self::CircuitOpen,
        Self::Busy,
        Self::Local,
    ];

    /// Whether it says by itself that the vendor has done no work that it could charge for: it was not asked, or turned the
    /// request away.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::RateLimited
            | Self::RejectedRequest
            | Self::BadKey
            | Self::QuotaExhausted
            | Self::ModelGone
            | Self::NotConfigured
            | Self::CircuitOpen
            | Self::Busy => true,
            Self::Timeout
            | Self::Overloaded
            | Self::BadResponse
            | Self::StreamCut
            | Self::JobFailed
            | Self::ContentRefused
            | Self::Local => false,
        }
    }

    /// Its name in the API, logs and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::RateLimited => "rate_limited",
            Self::BadResponse => "bad_response",
            Self::StreamCut => "stream_cut",
            Self::JobFailed => "job_failed",
            Self::RejectedRequest => "rejected_request",
            Self::ContentRefused => "content_refused",
            Self::BadKey => "bad_key",
            Self::QuotaExhausted => "quota_exhausted",
            Self::ModelGone => "model_gone",
            Self::NotConfigured => "not_configured",
            Self::CircuitOpen => "circuit_open",
            Self::Busy => "busy",
            Self::Local => "local",
        }
    }
}

/// Why a vendor gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub struct ProviderError {
    /// What kind of trouble.
    pub kind: ProviderErrorKind,
    /// For operators: what the vendor said, shortened, without secrets. Clients do not see it.
    pub message: String,
    /// Milliseconds after which it is worth asking again, where the vendor says so, or we know.
    pub retry_after_ms: Option<i64>,
    /// Whether the vendor is known to charge nothing for what came of the call. Where that is not known it may.
    pub is_free: bool,
}

impl ProviderError {
    /// An error without advice when to come back, of which no more is known than its kind tells.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, is_free: kind.is_refusal() }
    }
}

/// The vendors, all behind one face.
#[async_trait::async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Whether an adapter speaks this vendor's protocol for this category.
    fn serves(&self, vendor: &str, category: Category) -> bool;

    /// Whether the vendor has a key.
    fn is_configured(&self, vendor: &str) -> bool;

    /// Whether the vendor would be asked now.
    ///
    /// # Errors
    /// `CircuitOpen`, with how long that will last.
    fn ready(&self, vendor: &str) -> Result<(), ProviderError>;

    /// Whether `vendor` is to be given an address at which it tells how its jobs stand.
    fn takes_callbacks(&self, vendor: &str) -> bool;

    /// Whether what came in at such an address is `vendor`'s own word, as far as it signs what it says: one that does not
    /// is known by the address alone. Either way it is only a hint to ask now.
    fn is_genuine(&self, vendor: &str, callback: &Callback, now: Timestamp) -> bool;

    /// Whether the vendor takes the values of `call`, as far as its own rules tell without asking it; the catalog has
    /// accepted them before. Meant for when the files are in place, and nothing is held yet.
    ///
    /// # Errors
    /// Every wrong field.
    fn check(&self, call: &MediaCall) -> Result<(), Vec<FieldError>>;

    /// The same of a conversation.
    ///
    /// # Errors
    /// Every wrong field.
    fn check_chat(&self, call: &Call) -> Result<(), Vec<FieldError>>;

    /// Whether the vendor fetches the file that `input` names by its address, which then must be a public one.
    fn wants_url(&self, call: &MediaCall, input: &str) -> bool;

    /// Whether what this vendor makes may lie at an address that is not public, because the vendor itself does.
    fn is_private(&self, vendor: &str) -> bool;

    /// Starts `call`; short work is done when this answers, long work goes on at the vendor as a job.
    ///
    /// # Errors
    /// Any [`ProviderErrorKind`].
    async fn make(&self, call: &MediaCall) -> Result<Made, ProviderError>;

    /// Asks after a job.
    ///
    /// # Errors
    /// `JobFailed` and `ContentRefused` when the vendor says that it has failed; any other kind says nothing about the job.
    async fn poll(&self, call: &MediaCall, state: &JobState) -> Result<Made, ProviderError>;

    /// Asks the vendor to stop a job; `false` when it has no way to.
    ///
    /// # Errors
    /// Any [`ProviderErrorKind`].
    async fn cancel(&self, call: &MediaCall, state: &JobState) -> Result<bool, ProviderError>;

    /// Has `call` answered. When it streams, `on_delta` gets each piece of the text as it comes; the pieces together
    /// are [`Answer::text`].
    ///
    /// # Errors
    /// Any [`ProviderErrorKind`]; what was passed to `on_delta` before is void.
    async fn call(
        &self,
        call: &Call,
        on_delta: &mut (dyn for<'a> FnMut(&'a str) + Send),
    ) -> Result<Answer, ProviderError>;
}

/// What came in at an address that a vendor was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callback {
    /// Its headers by name, in lower case; those that are no text are left out.
    pub headers: BTreeMap<String, String>,
    /// Its body as it came: signatures are over the bytes.
    pub body: Vec<u8>,
}

/// How a file may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Bytes it may have.
    pub max_bytes: u64,
    /// Whether it may lie at an address that is not public. Only for what a vendor made, where that vendor is a sandbox;
    /// never for what a client names.
    pub allow_private: bool,
}

/// What a failure to fetch a file says about the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchFailureKind {
    /// No address of a file on the web, or one that is not public. It will never be another.
    BadUrl,
    /// There is no such file, no longer, or not for us: 403, 404, 410 and whatever else a host says once and for all.
    Gone,
    /// The file is larger than it may be.
    TooLarge,
    /// It may well come the next time: the host has too much to do, is broken, silent or out of reach for now, or broke off.
    Passing,
    /// It came, and could not be written: ours to mend, and nothing about the address.
    Disk,
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchFailure {
    /// Whether, and by whom, it can be mended.
    pub kind: FetchFailureKind,
    /// What went wrong, without the address.
    pub message: String,
}

/// Fetches files from elsewhere.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Fetches `url` into `dest`.
    ///
    /// # Errors
    /// A [`FetchFailure`]; `dest` may then hold a part.
    async fn fetch(&self, url: &str, limits: FetchLimits, dest: &Path) -> Result<(), FetchFailure>;
}
