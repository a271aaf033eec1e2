//! `GET /healthz`, `GET /readyz`

use crate::{error::ApiError, openapi::Operation};
use app::App;
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// The process is alive.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers. (Its schema was checked at the start.)
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}

pub(crate) fn alive_operation() -> Operation {
    said("Whether the process is alive", "It is.", "ok")
}

pub(crate) fn ready_operation() -> Operation {
    said("Whether generations can be had", "The database answers, and the ledger takes commands.", "ready")
}

fn said(summary: &'static str, about: &str, word: &str) -> Operation {
    let schema =
        json!({ "type": "object", "required": ["status"], "properties": { "status": { "const": word } } });
    Operation::new(summary).answers_json(200, about, schema, json!({ "status": word }))
}
