//! Errors as the client sees them: `{"error": code, "message": text, "details": {}}`.

use crate::request_id;
use app::{Error, FailedGeneration, GenerationRecord};
use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{id::GenerationId, params::FieldError};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Seconds after which it is worth coming back when we are overloaded.
const OVERLOADED_RETRY_AFTER_S: u32 = 1;

/// The shape of every error.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: &'static str,
    message: &'a str,
    details: &'a Map<String, Value>,
}

/// An error, ready to be sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
    retry_after_s: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Map::new(), retry_after_s: None }
    }

    fn with_details(mut self, details: Value) -> Self {
        if let Value::Object(details) = details {
            self.details.extend(details);
        }
        self
    }

    /// Names the generation that failed.
    pub(crate) fn of_generation(self, id: GenerationId) -> Self {
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

    /// What a failed generation's record says, as the answer to whoever waited for it.
    pub(crate) fn of_record(record: &GenerationRecord) -> Self {
        let (status, code) = match record.error_code.as_deref().unwrap_or_default() {
            "content_refused" => (StatusCode::UNPROCESSABLE_ENTITY, "content_refused"),
            "model_unavailable" => (StatusCode::SERVICE_UNAVAILABLE, "model_unavailable"),
            "overloaded" => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            "canceled" => (StatusCode::CONFLICT, "canceled"),
            "provider_error" => (StatusCode::INTERNAL_SERVER_ERROR, "provider_error"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        };
        let retry_after_s = (code == "overloaded").then_some(OVERLOADED_RETRY_AFTER_S);
        let details = record.error_details.as_deref().and_then(|json| serde_json::from_str(json).ok());
        let message = record.error_message.clone().unwrap_or_default();
        Self { retry_after_s, ..Self::new(status, code, message) }
            .with_details(details.unwrap_or_default())
            .of_generation(record.id)
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
            Error::NotAuthenticated => Self::new(StatusCode::UNAUTHORIZED, code, message),
            Error::InsufficientPlan { required_plan, plan } => {
                Self::new(StatusCode::FORBIDDEN, code, message)
                    .with_details(json!({ "required_plan": required_plan, "plan": plan }))
            }
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, code, message),
            Error::Validation(fields) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
                .with_details(json!({ "fields": fields })),
            Error::NotCancellable | Error::Canceled => Self::new(StatusCode::CONFLICT, code, message),
            Error::EmailTaken => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            Error::InsufficientTokens { required, available } => {
                Self::new(StatusCode::PAYMENT_REQUIRED, code, message)
                    .with_details(json!({ "required": required, "available": available }))
            }
            Error::UploadTooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message),
            Error::ModelUnavailable { retry_after_s, .. } => {
                Self { retry_after_s, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
            }
            Error::ContentRefused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            Error::Provider { provider, kind } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
                .with_details(json!({ "provider": provider, "kind": kind.name() })),
            Error::Overloaded | Error::OutcomeUnknown => Self {
                retry_after_s: Some(OVERLOADED_RETRY_AFTER_S),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            },
            Error::Interrupted => Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message),
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
        response
    }
}
