//! `GET /models/{slug}`

use crate::{error::ApiError, extract::PathName, wire::model::ModelBody};
use app::App;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

pub(crate) async fn show(State(app): State<App>, PathName(slug): PathName) -> Result<Response, ApiError> {
    let model = app.model(&slug)?;
    Ok(Json(ModelBody::of(&app, model)).into_response())
}
