//! `POST /generate`

use super::{Prefer, answer, request, stream};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    idempotency,
    openapi::{EVENTS, Operation},
    wire::generation::{self, GenerationBody},
};
use app::App;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::json;

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

pub(crate) fn operation() -> Operation {
    Operation::new("Generate")
        .about(
            "Every category but speech to text. The price is fixed before the vendor is called; what fails costs nothing. \
             A client that goes away changes nothing: the generation runs on, and can be read by its id.",
        )
        .json_body(
            json!({ "$ref": "#/components/schemas/GenerateRequest" }),
            json!({ "model": "gpt-5", "prompt": "What is a boat?" }),
        )
        .idempotent()
        .preferring()
        .answers::<GenerationBody>(200, "The generation, completed; events, with `\"stream\": true`.", generation::example())
        .answers_media(200, "", EVENTS, Some(stream::EXAMPLE))
        .answers::<GenerationBody>(202, "It goes on; `Location` says where to look.", generation::begun_example())
}
