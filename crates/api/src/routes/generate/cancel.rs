//! `DELETE /generate/{id}`

use super::show::read_id;
use crate::{
    error::ApiError,
    extract::{AnyPlan, PathName},
    wire::generation::GenerationBody,
};
use app::App;
use axum::{Json, extract::State};

pub(crate) async fn cancel(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    PathName(id): PathName,
) -> Result<Json<GenerationBody>, ApiError> {
    Ok(Json(app.cancel(&caller, read_id(&id)?).await?.into()))
}
