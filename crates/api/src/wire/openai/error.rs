//! Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`.

use super::generation_header;
use crate::error::ApiError;
use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::id::GenerationId;
use serde::Serialize;
use serde_json::Value;

/// Where this face lies.
const PREFIX: &str = "/v1/";
/// Tells the official clients whether to repeat a request by themselves.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error's body, and the event that ends a stream which failed.
#[derive(Serialize)]
pub(crate) struct OpenAiError {
    error: Inner,
}

#[derive(Serialize)]
struct Inner {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: &'static str,
}

impl From<&ApiError> for OpenAiError {
    fn from(error: &ApiError) -> Self {
        let (message, param) = match error.details.get("fields").and_then(Value::as_array) {
            Some(fields) => (said_of(fields), fields.first().and_then(|field| word(field, "field"))),
            None => (error.message.clone(), lacks_model(error).then(|| "model".to_owned())),
        };
        Self { error: Inner { message, kind: kind(status(error)), param, code: code(error) } }
    }
}

/// Every wrong field, in one line.
fn said_of(fields: &[Value]) -> String {
    let said = fields.iter().map(|field| {
        let (name, message) = (word(field, "field"), word(field, "message"));
        let allowed = field["allowed"].as_array().map(Vec::as_slice).unwrap_or_default();
        let allowed = allowed.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        let allowed = if allowed.is_empty() { allowed } else { format!(" (allowed: {allowed})") };
        format!("{}: {}{allowed}", name.unwrap_or_default(), message.unwrap_or_default())
    });
    said.collect::<Vec<_>>().join("; ")
}

fn word(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

/// To OpenAI, what is wrong with a request is wrong in one way.
fn status(error: &ApiError) -> StatusCode {
    match error.status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    }
}

const fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.as_u16() < 500 => "invalid_request_error",
        _ => "server_error",
    }
}

fn lacks_model(error: &ApiError) -> bool {
    error.missing == Some("model")
}

/// OpenAI's codes where clients look for them, and ours elsewhere.
fn code(error: &ApiError) -> &'static str {
    match error.code {
        "not_authenticated" => "invalid_api_key",
        "content_refused" => "content_policy_violation",
        _ if lacks_model(error) => "model_not_found",
        code => code,
    }
}

/// Puts the errors of this face's paths into its shape, whoever made them. Headers stay.
pub(crate) async fn shaped(request: Request, next: Next) -> Response {
    let is_ours = request.uri().path().starts_with(PREFIX);
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>().filter(|_| is_ours) else {
        return response;
    };
    let told = (status(&error), Json(OpenAiError::from(&error))).into_response();
    let (told, body) = told.into_parts();
    *response.status_mut() = told.status;
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(told.headers);
    // The limits that 429 speaks of pass.
    if error.is_final && error.status != StatusCode::TOO_MANY_REQUESTS {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(id) = error.details.get("generation_id").and_then(Value::as_i64) {
        headers.extend(generation_header(GenerationId(id)));
    }
    response
}
