//! `GET /generate/{id}`

use crate::{
    error::ApiError,
    extract::{AnyPlan, PathName},
    wire::generation::GenerationBody,
};
use app::App;
use axum::{Json, extract::State};
use domain::id::GenerationId;

pub(crate) async fn show(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    PathName(id): PathName,
) -> Result<Json<GenerationBody>, ApiError> {
    // What is no number is no generation's id.
    let id = id.parse().map(GenerationId).map_err(|_| ApiError::not_found("generation"))?;
    Ok(Json(app.generation(&caller, id).await?.into()))
}
