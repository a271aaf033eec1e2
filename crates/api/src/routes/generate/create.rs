//! `POST /generate`

use super::{request, stream};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    wire::generation::GenerationBody,
};
use app::App;
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let request = request::read(&headers, body)?;
    let running = app.generate(&caller, request).await?;
    if running.is_stream {
        return Ok(stream::events(running).into_response());
    }
    let finished = running.finish().await?;
    Ok(Json(GenerationBody::from(&*finished)).into_response())
}
