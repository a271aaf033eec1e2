//! `GET /models/{slug}`

use crate::{
    error::ApiError,
    extract::PathName,
    openapi::Operation,
    wire::model::{self, ModelBody},
};
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

pub(crate) fn operation() -> Operation {
    Operation::new("Show a model").answers::<ModelBody<'_>>(200, "The model.", model::example())
}
