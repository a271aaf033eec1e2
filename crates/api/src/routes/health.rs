//! `GET /healthz`, `GET /readyz`

use crate::error::ApiError;
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
