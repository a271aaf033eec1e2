//! What a use-case answers when it does not do what was asked.

use domain::{
    id::{GenerationId, PaymentId},
    ledger::{Failure, RateState, Refusal},
    params::FieldError,
    port::{PaymentMethod, ProviderError, ProviderErrorKind},
};
use serde_json::{Map, Value, json};
use storage::{BlobError, GenerationRecord, LedgerError};

/// Why a use-case did not do what was asked. Nothing was charged, except where a case says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The key is missing, malformed, unknown, revoked or expired.
    #[error("a valid API key or access token is needed: Authorization: Bearer …")]
    NotAuthenticated,
    /// A sign-in is refused, or over, or of an account with which nothing can be done.
    #[error("{0}")]
    NotSignedIn(&'static str),
    /// Another request with the same refresh token was a moment earlier, and has what comes next. The sign-in goes on.
    #[error("another request has just used this refresh token; its answer has the next one")]
    RefreshedElsewhere,
    /// The access token is genuine, and too old.
    #[error("the access token has expired; POST /api/v2/auth/refresh gives another")]
    TokenExpired,
    /// So many passwords were tried that no more are looked at for a while.
    #[error("too many attempts; try again later")]
    TooManyAttempts {
        /// Seconds after which it is worth coming back.
        retry_after_s: u32,
    },
    /// The account's plan does not cover it.
    #[error("this needs plan {required_plan}; the account is on {plan}")]
    InsufficientPlan {
        /// The lowest plan that would do.
        required_plan: String,
        /// The account's.
        plan: String,
    },
    /// There is nothing of that name here, or it is somebody else's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Fields of the request are wrong: all of them are named.
    #[error("the request has wrong fields")]
    Validation(Vec<FieldError>),
    /// The balance does not cover the price.
    #[error("the balance of {available} tokens does not cover the price of {required}")]
    InsufficientTokens {
        /// NeuralBox tokens needed.
        required: i64,
        /// NeuralBox tokens there are.
        available: i64,
    },
    /// What is left of the key's monthly budget does not cover the price.
    #[error(
        "the {available} tokens that are left of this key's monthly budget do not cover the price of {required}"
    )]
    OverKeyBudget {
        /// NeuralBox tokens needed.
        required: i64,
        /// NeuralBox tokens that are left.
        available: i64,
    },
    /// The account has begun as many generations as its plan allows.
    #[error("the plan's limit of {} generations is reached", .0.limit)]
    RateLimited(RateState),
    /// The account reads as many streams of this process as it may.
    #[error("this account reads {limit} streams already, and may read no more at the same time")]
    TooManyStreams {
        /// How many it may.
        limit: usize,
    },
    /// Another request was made under the same name.
    #[error("another request was made with this Idempotency-Key")]
    IdempotencyConflict,
    /// A key with a budget or an end cannot do this.
    #[error(
        "a key that has a budget or expires makes no keys, revokes no other, minds no webhooks, and changes neither the account \
         nor its subscription"
    )]
    LimitedKey,
    /// The model cannot be used now, through no fault of the client's.
    #[error("{model} is not available: {reason}")]
    ModelUnavailable {
        /// The slug.
        model: String,
        /// Why, for the client.
        reason: &'static str,
        /// Seconds after which it is worth coming back, where that is known.
        retry_after_s: Option<u32>,
    },
    /// An upload has more than [`crate::MAX_INPUT_BYTES`].
    #[error("the upload is over the limit of 25 MB")]
    UploadTooLarge,
    /// The vendor refused the content.
    #[error("the vendor refused the content; nothing was charged")]
    ContentRefused,
    /// The vendor failed.
    #[error("{provider} failed ({}); nothing was charged", kind.name())]
    Provider {
        /// The vendor.
        provider: String,
        /// How.
        kind: ProviderErrorKind,
    },
    /// A payment could not be asked for.
    #[error("{}", payment_message(*method, *is_known))]
    Payment {
        /// Which.
        payment_id: PaymentId,
        /// At which service.
        method: PaymentMethod,
        /// Whether it is known that it was not made; else it may yet appear among the payments.
        is_known: bool,
    },
    /// A payment service could not be asked or told something; nothing has changed.
    #[error("{} does not answer; please try again", .0.name())]
    PaymentService(PaymentMethod),
    /// Somebody else changed the same thing meanwhile.
    #[error("this was changed by another request meanwhile; please try again")]
    Moved,
    /// We cannot take it now.
    #[error("the service cannot take this now; try again shortly")]
    Overloaded,
    /// The database went away while the generation was settled: it may have been charged or not.
    #[error("the outcome is not known yet")]
    OutcomeUnknown,
    /// The generation has ended already, or some of its text has been told.
    #[error("the generation has ended already, or some of its text has been told")]
    NotCancellable,
    /// The client canceled the generation.
    #[error("the generation was canceled; nothing was charged")]
    Canceled,
    /// The generation failed before, as its record says.
    #[error("{message}")]
    OnRecord {
        /// The code in the API.
        code: &'static str,
        /// For the client.
        message: String,
        /// What more there is to say.
        details: Map<String, Value>,
    },
    /// The result did not come in the time that the client is kept waiting, and the generation was canceled.
    #[error("the result did not come in time; the generation was canceled, and nothing was charged")]
    TimedOut,
    /// The generation's hold was given back before it was done.
    #[error("the service was stopped before the generation was done; nothing was charged")]
    Interrupted,
    /// The e-mail address belongs to an account already.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// A fault of ours. The text is for the log, not for the client.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Its code in the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated | Self::NotSignedIn(_) | Self::RefreshedElsewhere => "not_authenticated",
            Self::TokenExpired => "token_expired",
            Self::InsufficientPlan { .. } => "insufficient_plan",
            Self::NotFound(_) => "not_found",
            Self::Validation(_) | Self::EmailTaken => "validation_error",
            Self::UploadTooLarge => "payload_too_large",
            Self::InsufficientTokens { .. } | Self::OverKeyBudget { .. } => "insufficient_tokens",
            Self::RateLimited(_) | Self::TooManyAttempts { .. } | Self::TooManyStreams { .. } => {
                "rate_limit_exceeded"
            }
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::LimitedKey => "limited_key",
            Self::OnRecord { code, .. } => code,
            Self::ModelUnavailable { .. } => "model_unavailable",
            Self::ContentRefused => "content_refused",
            Self::Provider { .. } | Self::Payment { .. } | Self::PaymentService(_) => "provider_error",
            Self::Overloaded | Self::OutcomeUnknown | Self::Moved | Self::Interrupted => "overloaded",
            Self::NotCancellable => "not_cancellable",
            Self::Canceled => "canceled",
            Self::TimedOut => "timeout",
            Self::Internal(_) => "internal_error",
        }
    }

    /// What the record of a failed generation says.
    pub fn on_record(record: &GenerationRecord) -> Self {
        const CODES: [&str; 6] =
            ["content_refused", "model_unavailable", "overloaded", "canceled", "timeout", "provider_error"];
        let recorded = record.error_code.as_deref().unwrap_or_default();
        let code = CODES.into_iter().find(|code| *code == recorded).unwrap_or("internal_error");
        let details = record.error_details.as_deref().and_then(|json| serde_json::from_str(json).ok());
        let message = record.error_message.clone().unwrap_or_default();
        Self::OnRecord { code, message, details: details.unwrap_or_default() }
    }

    /// What goes on record of a generation that failed so. What is for the log alone does not.
    pub(crate) fn failure(&self) -> Failure {
        let (message, details) = match self {
            Self::Internal(cause) => {
                tracing::error!(cause, "a generation failed");
                ("a fault of ours; nothing was charged".to_owned(), None)
            }
            Self::Provider { provider, kind } => {
                (self.to_string(), Some(json!({ "provider": provider, "kind": kind.name() }).to_string()))
            }
            other => (other.to_string(), None),
        };
        Failure { error_code: self.code().to_owned(), message, details, is_free: false }
    }

    /// Whether what was tried may well succeed the next time: the trouble is on our side, or lasts for a while.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Internal(_) | Self::OutcomeUnknown)
    }

    /// What a vendor's error is to the client of `model`.
    pub(crate) fn from_provider(error: &ProviderError, vendor: &str, model: &str) -> Self {
        let retry_after_s =
            error.retry_after_ms.map(|ms| u32::try_from(ms.saturating_add(999) / 1_000).unwrap_or(u32::MAX));
        let unavailable = |reason| Self::ModelUnavailable { model: model.to_owned(), reason, retry_after_s };
        match error.kind {
            ProviderErrorKind::ContentRefused => Self::ContentRefused,
            ProviderErrorKind::BadKey | ProviderErrorKind::NotConfigured => {
                unavailable("the vendor does not accept our key")
            }
            ProviderErrorKind::QuotaExhausted => unavailable("our quota at the vendor is used up"),
            ProviderErrorKind::ModelGone => unavailable("the vendor no longer serves it"),
            ProviderErrorKind::CircuitOpen => {
                unavailable("the vendor keeps failing and is left alone for now")
            }
            ProviderErrorKind::Busy => unavailable("the vendor has too much to do for us"),
            ProviderErrorKind::Local => Self::Overloaded,
            kind @ (ProviderErrorKind::Timeout
            | ProviderErrorKind::Overloaded
            | ProviderErrorKind::RateLimited
            | ProviderErrorKind::BadResponse
            | ProviderErrorKind::StreamCut
            | ProviderErrorKind::JobFailed
            | ProviderErrorKind::RejectedRequest) => Self::Provider { provider: vendor.to_owned(), kind },
        }
    }
}

fn payment_message(method: PaymentMethod, is_known: bool) -> String {
    let service = method.name();
    if is_known {
        format!("{service} did not take the payment; nothing was charged, please try again")
    } else {
        format!(
            "{service} does not answer; should the payment have been made, it appears in GET /billing/payments"
        )
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Unavailable(_) | storage::Error::Overloaded | storage::Error::LedgerStopped => {
                tracing::warn!(%error, "the database did not answer");
                Self::Overloaded
            }
            storage::Error::OutcomeUnknown => Self::OutcomeUnknown,
            storage::Error::EmailTaken => Self::EmailTaken,
            storage::Error::TelegramTaken
            | storage::Error::BadUrl
            | storage::Error::OutOfIds
            | storage::Error::BadRow(_)
            | storage::Error::Database(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound | BlobError::BadName => Self::NotFound("file"),
            BlobError::BadSettings { .. } | BlobError::BadRange => Self::Internal(error.to_string()),
            BlobError::File(_) | BlobError::Store(_) => {
                tracing::error!(%error, "where files are kept");
                Self::Overloaded
            }
        }
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Storage(error) => error.into(),
            LedgerError::Refused(Refusal::InsufficientTokens { required_tokens, available_tokens }) => {
                Self::InsufficientTokens { required: required_tokens, available: available_tokens }
            }
            LedgerError::Refused(Refusal::OverKeyBudget { required_tokens, available_tokens }) => {
                Self::OverKeyBudget { required: required_tokens, available: available_tokens }
            }
            LedgerError::Refused(Refusal::RateLimited(state)) => Self::RateLimited(state),
            LedgerError::Refused(Refusal::BoundOtherwise) => Self::IdempotencyConflict,
            LedgerError::Bound(_) => Self::Internal(error.to_string()),
            LedgerError::Refused(Refusal::UnknownAccount) => Self::NotFound("account"),
            LedgerError::Refused(Refusal::UnknownGeneration) => Self::NotFound("generation"),
            LedgerError::Refused(Refusal::BadAmount) => {
                let range = format!("1..{}", domain::ledger::MAX_AMOUNT_TOKENS);
                Self::Validation(vec![FieldError::new("tokens", "is out of range").allowing([range])])
            }
            LedgerError::Refused(refusal @ (Refusal::NotCharged | Refusal::ChargeExpired)) => {
                Self::Validation(vec![FieldError::new("generation", refusal.to_string())])
            }
            LedgerError::Refused(refusal @ (Refusal::Inconsistent | Refusal::Moved)) => {
                Self::Internal(refusal.to_string())
            }
        }
    }
}

/// A generation that was begun and failed, or one that was refused before it began.
#[derive(Clone, Debug)]
pub struct FailedGeneration {
    /// The generation, once its hold had been taken.
    pub generation_id: Option<GenerationId>,
    /// Why.
    pub error: Error,
}

impl From<Error> for FailedGeneration {
    fn from(error: Error) -> Self {
        Self { generation_id: None, error }
    }
}
