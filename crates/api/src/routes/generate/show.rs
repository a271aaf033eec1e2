//! `GET /generate/{id}`

use crate::{error::ApiError, extract::AnyPlan, wire::generation::GenerationBody};
use app::App;
use axum::{
    Json,
    extract::{Path, State},
};
use domain::id::GenerationId;

pub(crate) async fn show(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    Path(id): Path<String>,
) -> Result<Json<GenerationBody>, ApiError> {
    // What is no number is no generation's id.
    let id = id.parse().map(GenerationId).map_err(|_| ApiError::not_found("generation"))?;
    Ok(Json(app.generation(&caller, id).await?.into()))
}
