//! `POST /callbacks/{token}`: a vendor says that a job has moved. What it sends is held against its signature, where it signs,
//! and otherwise not read: the job is asked after now.

use crate::{
    error::ApiError,
    extract::{PathName, WholeBody},
    openapi::Operation,
};
use app::App;
use axum::{Json, extract::State, http::HeaderMap};
use domain::port::Callback;
use serde_json::{Value, json};

pub(crate) async fn create(
    State(app): State<App>,
    PathName(token): PathName,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<Json<Value>, ApiError> {
    let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    app.hasten_job(&token, &Callback { headers, body: body.into() }).await?;
    Ok(Json(json!({})))
}

pub(crate) fn operation() -> Operation {
    Operation::new("A vendor says that a job has moved")
        .about("For vendors alone, at addresses that are handed out to them. The job is asked after; what the message says is not believed.")
        .answers_json(200, "Heard.", json!({ "type": "object" }), json!({}))
        .refuses(&["not_authenticated", "payload_too_large", "bad_request"])
}
