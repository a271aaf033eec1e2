//! `POST /generate`

use super::{Prefer, answer, request, stream};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    idempotency,
};
use app::App;
use axum::{extract::State, http::HeaderMap, response::Response};

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let (key, prefer) = (idempotency::read(&headers)?, Prefer::read(&headers));
    let request = request::read(body)?;
    let key = key.map(|key| key.waiting(prefer.patience()));
    let running = app.generate_once(&caller, request, key).await?;
    if running.is_stream {
        return Ok(stream::events(running));
    }
    Ok(answer(&app, &caller, running, prefer).await)
}
