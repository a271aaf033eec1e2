//! `POST /generate`

use super::{Prefer, answer, request, stream};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
};
use app::App;
use axum::{
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
    let prefer = Prefer::read(&headers);
    let running = app.generate(&caller, request).await?;
    if running.is_stream {
        return Ok(stream::events(running).into_response());
    }
    Ok(answer(&app, &caller, running, prefer).await)
}
