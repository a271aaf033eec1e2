//! `GET /models/{slug}`

use crate::{error::ApiError, wire::model::ModelBody};
use app::App;
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};

pub(crate) async fn show(State(app): State<App>, Path(slug): Path<String>) -> Result<Response, ApiError> {
    let model = app.model(&slug)?;
    Ok(Json(ModelBody::of(&app, model)).into_response())
}
