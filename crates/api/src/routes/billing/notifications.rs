//! `POST /billing/notifications/…`: what payment services tell us. An answer other than 200 has it sent again.

use crate::{error::ApiError, extract::WholeBody, openapi::Operation};
use app::{App, Error};
use axum::{Json, extract::State, http::HeaderMap};
use domain::port::PaymentMethod;
use serde_json::{Map, Value, json};

/// Bytes that a message may have: several times what either service has ever sent.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

pub(crate) async fn yookassa(
    State(app): State<App>,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<Json<Value>, ApiError> {
    take(app, PaymentMethod::Yookassa, &headers, &body).await
}

pub(crate) async fn telegram(
    State(app): State<App>,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<Json<Value>, ApiError> {
    take(app, PaymentMethod::TelegramStars, &headers, &body).await
}

async fn take(
    app: App,
    method: PaymentMethod,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Json<Value>, ApiError> {
    let proof = app.proof_header(method).and_then(|name| headers.get(name)?.to_str().ok());
    app.take_notification(method, proof, body).await.map_err(|error| match error {
        Error::Validation(_) if serde_json::from_slice::<Map<String, Value>>(body).is_err() => {
            ApiError::bad_request("the body must be a JSON object")
        }
        error => error.into(),
    })?;
    Ok(Json(json!({})))
}

pub(crate) fn yookassa_operation() -> Operation {
    operation("YooKassa says that something has changed")
}

pub(crate) fn telegram_operation() -> Operation {
    operation("Telegram says that something has changed").refuses(&["not_authenticated"])
}

fn operation(summary: &'static str) -> Operation {
    Operation::new(summary)
        .about("For the payment service alone. It is believed only as far as it proves itself, or as the service confirms when asked.")
        .json_body(json!({ "type": "object" }), json!({}))
        .answers_json(200, "Heard.", json!({ "type": "object" }), json!({}))
        .refuses(&["provider_error"])
}
