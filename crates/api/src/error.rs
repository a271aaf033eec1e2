//! Errors as the client sees them: `{"error": code, "message": text, "details": {}}`.

use crate::{limits::Known, request_id};
use app::{Error, FailedGeneration};
use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{id::GenerationId, ledger::RateState, params::FieldError, port::ProviderErrorKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Seconds after which it is worth coming back when we are overloaded.
const OVERLOADED_RETRY_AFTER_S: u32 = 1;

/// Seconds after which one of an account's streams may well have ended.
const STREAMS_RETRY_AFTER_S: u32 = 5;

/// Wrong fields that are named in one answer, lest that be many times as long as what it answers.
pub(crate) const MAX_FIELDS: usize = 100;

/// The shape of every error.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: &'static str,
    message: &'a str,
    details: &'a Map<String, Value>,
}

/// An error, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
    /// What there is none of, of a 404.
    pub(crate) missing: Option<&'static str>,
    /// Whether the same request would end in the same way, as far as we can tell.
    pub(crate) is_final: bool,
    /// Whether nobody knows yet what came of it.
    is_outcome_unknown: bool,
    /// Whether it is on record as a generation's end.
    is_on_record: bool,
    retry_after_s: Option<u32>,
    /// Where the account stands with its plan's limits, when that is why.
    rate: Option<Box<RateState>>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let (message, details, is_final) = (message.into(), Map::new(), status.is_client_error());
        Self {
            status,
            code,
            message,
            details,
            missing: None,
            is_final,
            is_outcome_unknown: false,
            is_on_record: false,
            retry_after_s: None,
            rate: None,
        }
    }

    fn with_details(mut self, details: Value) -> Self {
        if let Value::Object(details) = details {
            self.details.extend(details);
        }
        self
    }

    /// Names the generation that failed.
    pub(crate) fn of_generation(mut self, id: GenerationId) -> Self {
        if self.is_outcome_unknown {
            self.message = format!("{}; see GET /api/v2/generate/{id}", Error::OutcomeUnknown);
        }
        self.with_details(json!({ "generation_id": id }))
    }

    /// What cannot be read at all.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// A range of bytes that lies outside a file of `size`.
    pub(crate) fn range_not_satisfiable(size: u64) -> Self {
        let message = format!("the file has {size} bytes, and none of them is in the range");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", message)
    }

    /// A body over its limit.
    pub(crate) fn payload_too_large(limit: &str) -> Self {
        let message = format!("the body is over the limit of {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    /// Every wrong field.
    pub(crate) fn validation(fields: Vec<FieldError>) -> Self {
        Error::Validation(fields).into()
    }

    /// One wrong field.
    pub(crate) fn field(field: FieldError) -> Self {
        Self::validation(vec![field])
    }

    /// The same of a generation that was charged: asked for again, it would be charged again.
    pub(crate) fn for_good(self) -> Self {
        Self { is_final: true, retry_after_s: None, ..self }
    }

    /// The same for a repeat of the request: what is on record stays as it is.
    pub(crate) fn told_again(self) -> Self {
        if self.is_on_record { self.for_good() } else { self }
    }

    /// Nothing of that name.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Error::NotFound(what).into()
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "this path does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// The answer to a request whose handler panicked.
    pub(crate) fn panicked() -> Response {
        tracing::error!("a handler panicked");
        Self::from(Error::Internal("panic".to_owned())).into_response()
    }

    /// The body of a response, or the main part of a stream's error event.
    pub(crate) fn body(&self) -> ErrorBody<'_> {
        ErrorBody { error: self.code, message: &self.message, details: &self.details }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            Error::NotAuthenticated
            | Error::NotSignedIn(_)
            | Error::RefreshedElsewhere
            | Error::TokenExpired => Self::new(StatusCode::UNAUTHORIZED, code, message),
            Error::TooManyAttempts { retry_after_s } => Self {
                retry_after_s: Some(retry_after_s),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
            },
            Error::InsufficientPlan { required_plan, plan } => {
                Self::new(StatusCode::FORBIDDEN, code, message)
                    .with_details(json!({ "required_plan": required_plan, "plan": plan }))
            }
            Error::NotFound(what) => {
                Self { missing: Some(what), ..Self::new(StatusCode::NOT_FOUND, code, message) }
            }
            Error::Validation(mut fields) => {
                fields.truncate(MAX_FIELDS);
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
                    .with_details(json!({ "fields": fields }))
            }
            Error::NotCancellable | Error::Canceled => Self::new(StatusCode::CONFLICT, code, message),
            // What took so long will do so again.
            Error::TimedOut => {
                Self { is_final: true, ..Self::new(StatusCode::GATEWAY_TIMEOUT, code, message) }
            }
            Error::EmailTaken => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            Error::InsufficientTokens { required, available } => {
                Self::new(StatusCode::PAYMENT_REQUIRED, code, message)
                    .with_details(json!({ "required": required, "available": available }))
            }
            Error::OverKeyBudget { required, available } => {
                Self::new(StatusCode::PAYMENT_REQUIRED, code, message)
                    .with_details(json!({ "required": required, "available": available, "scope": "key" }))
            }
            Error::TooManyStreams { limit } => Self {
                retry_after_s: Some(STREAMS_RETRY_AFTER_S),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
            }
            .with_details(json!({ "scope": "streams", "limit": limit })),
            Error::RateLimited(state) => Self {
                retry_after_s: Some(u32::try_from(state.reset_s()).unwrap_or(u32::MAX)),
                rate: Some(Box::new(state)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
            },
            Error::IdempotencyConflict => Self::new(StatusCode::CONFLICT, code, message),
            Error::LimitedKey => Self::new(StatusCode::FORBIDDEN, code, message),
            Error::OnRecord { code, details, .. } => {
                let status = match code {
                    "content_refused" => StatusCode::UNPROCESSABLE_ENTITY,
                    "model_unavailable" | "overloaded" => StatusCode::SERVICE_UNAVAILABLE,
                    "canceled" => StatusCode::CONFLICT,
                    "timeout" => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                let retry_after_s = (code == "overloaded").then_some(OVERLOADED_RETRY_AFTER_S);
                let message = if code == "internal_error" { request_id::current() } else { message };
                let is_final = code != "overloaded" && code != "provider_error";
                Self { retry_after_s, is_final, is_on_record: true, ..Self::new(status, code, message) }
                    .with_details(Value::Object(details))
            }
            Error::UploadTooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message),
            Error::ModelUnavailable { retry_after_s, .. } => Self {
                retry_after_s,
                is_final: retry_after_s.is_none(),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            Error::ContentRefused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            Error::Provider { provider, kind } => {
                let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message);
                Self { is_final: kind == ProviderErrorKind::RejectedRequest, ..error }
                    .with_details(json!({ "provider": provider, "kind": kind.name() }))
            }
            Error::Payment { payment_id, method, is_known } => {
                let kind = if is_known { "overloaded" } else { "timeout" };
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message).with_details(
                    json!({ "provider": method.name(), "kind": kind, "payment_id": payment_id }),
                )
            }
            Error::PaymentService(method) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
                .with_details(json!({ "provider": method.name(), "kind": "timeout" })),
            Error::Overloaded | Error::Moved | Error::Interrupted => Self {
                retry_after_s: Some(OVERLOADED_RETRY_AFTER_S),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            // Repeated, it might be charged twice.
            Error::OutcomeUnknown => Self {
                is_final: true,
                is_outcome_unknown: true,
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            Error::Internal(cause) => {
                // The cause is for the log; the client gets the name under which to find it there.
                tracing::error!(cause, "internal error");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, request_id::current())
            }
        }
    }
}

impl From<FailedGeneration> for ApiError {
    fn from(failed: FailedGeneration) -> Self {
        let error = Self::from(failed.error);
        match failed.generation_id {
            Some(id) => error.of_generation(id),
            None => error,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(retry_after_s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // When we are overloaded, there is no looking it up either.
        if self.rate.is_some() || self.code == "overloaded" {
            response.extensions_mut().insert(Known(self.rate.as_deref().copied()));
        }
        // For the face that puts errors otherwise.
        response.extensions_mut().insert(self);
        response
    }
}
