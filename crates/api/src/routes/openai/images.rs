//! `POST /v1/images/generations`: waits for the picture.

use super::{file_of, generate, unread};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    idempotency,
    openapi::Operation,
    wire::openai::image::{self, ImageList, ImageRequest},
};
use app::{App, Finished, GenerateRequest};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::catalog::Category;
use futures_util::TryStreamExt;
use serde_json::json;

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let ImageRequest { model, params, wants_base64 } = image::read(body)?;
    let request = GenerateRequest { category: Some(Category::Image), ..GenerateRequest::new(model, params) };
    let names = [("format", "output_format")];
    let told = generate(&app, &caller, (request, key), &names, async |finished| {
        let name = file_of(&finished)?;
        Ok(Json(if wants_base64 {
            ImageList::of_base64(&finished, BASE64_STANDARD.encode(bytes(&app, &finished, name).await?))
        } else {
            ImageList::of_url(&finished, app.file_url(name))
        }))
    });
    told.await
}

async fn bytes(app: &App, finished: &Finished, name: &str) -> Result<Vec<u8>, ApiError> {
    let file = app.open_file(name, |_| None).await.map_err(|error| unread(error, finished.id))?;
    let bytes = file.body.try_fold(Vec::new(), async |mut bytes, chunk| {
        bytes.extend_from_slice(&chunk);
        Ok(bytes)
    });
    bytes.await.map_err(|error| unread(error.into(), finished.id))
}

pub(crate) fn operation() -> Operation {
    let text = json!({ "type": ["string", "null"] });
    let body = json!({ "type": "object", "required": ["model", "prompt"], "additionalProperties": false, "properties": {
        "model": { "type": "string" }, "prompt": { "type": "string" }, "size": text, "quality": text, "style": text,
        "output_format": text, "response_format": { "enum": ["url", "b64_json", null] }, "n": { "enum": [1, null] }, "user": {},
    }});
    Operation::new("Make a picture")
        .about("Waits for it up to 180 s; then it is canceled, and nothing is charged.")
        .json_body(body, json!({ "model": "gpt-image-1.5", "prompt": "A boat." }))
        .idempotent()
        .answers_json(
            200,
            "The picture.",
            json!({ "type": "object", "required": ["created", "data"] }),
            json!({ "created": 1_795_305_600, "data": [{ "url": "https://api.example.org/api/v2/files/9b1c….png" }] }),
        )
        .refuses(&["timeout"])
}
