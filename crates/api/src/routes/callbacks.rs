//! `POST /callbacks/{token}`: a vendor says that a job has moved. Nothing that it sends is believed, or even read: the job is
//! asked after now.

use crate::{error::ApiError, extract::PathName};
use app::App;
use axum::{Json, extract::State};
use serde_json::{Value, json};

pub(crate) async fn create(
    State(app): State<App>,
    PathName(token): PathName,
) -> Result<Json<Value>, ApiError> {
    app.hasten_job(&token).await?;
    Ok(Json(json!({})))
}
