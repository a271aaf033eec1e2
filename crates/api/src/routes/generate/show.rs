//! `GET /generate/{id}`

use super::Prefer;
use crate::{
    error::ApiError,
    extract::{AnyPlan, PathName},
    openapi::Operation,
    wire::generation::{self, GenerationBody},
};
use app::App;
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::id::GenerationId;

pub(crate) async fn show(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    PathName(id): PathName,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // There is nothing here that could be answered sooner.
    let prefer = Prefer { is_async: false, ..Prefer::read(&headers) };
    let wait = prefer.wait.unwrap_or_default();
    let view = app.await_generation(&caller, read_id(&id)?, wait).await?;
    Ok((prefer.applied(), Json(GenerationBody::from(view))).into_response())
}

/// What is no number is no generation's id.
pub(super) fn read_id(id: &str) -> Result<GenerationId, ApiError> {
    id.parse().map(GenerationId).map_err(|_| ApiError::not_found("generation"))
}

pub(crate) fn operation() -> Operation {
    Operation::new("Show a generation")
        .about("It stays readable with the key that started it, on whatever plan.")
        .preferring()
        .answers::<GenerationBody>(200, "The generation, as it stands.", generation::example())
        .refuses(&["insufficient_plan"])
}
