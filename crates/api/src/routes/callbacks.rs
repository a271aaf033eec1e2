//! `POST /callbacks/{token}`: a vendor says that a job has moved. What it sends is held against its signature, where it signs,
//! and otherwise not read: the job is asked after now.

use crate::{error::ApiError, extract::PathName};
use app::App;
use axum::{Json, body::Bytes, extract::State, http::HeaderMap};
use domain::port::Callback;
use serde_json::{Value, json};

pub(crate) async fn create(
    State(app): State<App>,
    PathName(token): PathName,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    app.hasten_job(&token, &Callback { headers, body: body.into() }).await?;
    Ok(Json(json!({})))
}
