//! `DELETE /generate/{id}`

use super::show::read_id;
use crate::{
    error::ApiError,
    extract::{AnyPlan, PathName},
    openapi::Operation,
    wire::generation::{self, GenerationBody},
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

pub(crate) fn operation() -> Operation {
    Operation::new("Cancel a generation")
        .about("At its vendor too, where that can be. Nothing is charged.")
        .answers::<GenerationBody>(
            200,
            "It has failed, with the code `canceled`.",
            generation::canceled_example(),
        )
        .refuses(&["not_cancellable", "insufficient_plan"])
}
