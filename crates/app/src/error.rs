//! What a use-case answers when it does not do what was asked.

use domain::{
    id::GenerationId,
    ledger::{Failure, Refusal},
    params::FieldError,
    port::{ProviderError, ProviderErrorKind},
};
use serde_json::json;
use storage::{BlobError, LedgerError};

/// Why a use-case did not do what was asked. Nothing was charged, except where a case says otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The key is missing, malformed, unknown or revoked.
    #[error("a valid API key is needed: Authorization: Bearer nb_…")]
    NotAuthenticated,
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
    /// We cannot take it now.
    #[error("the service cannot take this now; try again shortly")]
    Overloaded,
    /// The database went away while the generation was settled: it may have been charged or not.
    #[error("the outcome is not known yet; see GET /api/v2/generate/{{id}}")]
    OutcomeUnknown,
    /// The generation has ended already.
    #[error("the generation has ended already")]
    NotCancellable,
    /// The client canceled the generation.
    #[error("the generation was canceled; nothing was charged")]
    Canceled,
    /// The generation's hold was given back before it was done.
    #[error("the generation was interrupted; nothing was charged")]
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
            Self::NotAuthenticated => "not_authenticated",
            Self::InsufficientPlan { .. } => "insufficient_plan",
            Self::NotFound(_) => "not_found",
            Self::Validation(_) | Self::EmailTaken => "validation_error",
            Self::UploadTooLarge => "payload_too_large",
            Self::InsufficientTokens { .. } => "insufficient_tokens",
            Self::ModelUnavailable { .. } => "model_unavailable",
            Self::ContentRefused => "content_refused",
            Self::Provider { .. } => "provider_error",
            Self::Overloaded | Self::OutcomeUnknown => "overloaded",
            Self::NotCancellable => "not_cancellable",
            Self::Canceled => "canceled",
            Self::Interrupted | Self::Internal(_) => "internal_error",
        }
    }

    /// What goes on record of a generation that failed so. What is for the log alone does not.
    pub(crate) fn failure(&self) -> Failure {
        let (message, details) = match self {
            Self::Internal(cause) => {
                tracing::error!(cause, "a generation failed");
                (Self::Interrupted.to_string(), None)
            }
            Self::Provider { provider, kind } => {
                (self.to_string(), Some(json!({ "provider": provider, "kind": kind.name() }).to_string()))
            }
            other => (other.to_string(), None),
        };
        Failure { error_code: self.code().to_owned(), message, details }
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

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Unavailable(_) | storage::Error::Overloaded | storage::Error::LedgerStopped => {
                tracing::warn!(%error, "the database did not answer");
                Self::Overloaded
            }
            storage::Error::OutcomeUnknown => Self::OutcomeUnknown,
            storage::Error::EmailTaken => Self::EmailTaken,
            storage::Error::BadUrl
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
            LedgerError::Refused(Refusal::UnknownAccount) => Self::NotFound("account"),
            LedgerError::Refused(Refusal::UnknownGeneration) => Self::NotFound("generation"),
            LedgerError::Refused(Refusal::BadAmount) => {
                let range = format!("1..{}", domain::ledger::MAX_AMOUNT_TOKENS);
                Self::Validation(vec![FieldError::new("tokens", "is out of range").allowing([range])])
            }
            LedgerError::Refused(refusal @ Refusal::Inconsistent) => Self::Internal(refusal.to_string()),
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
