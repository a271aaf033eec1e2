//! `POST /v1/images/generations`: waits for the picture.

use super::{generate, refuse_idempotency_key, require_category, without_file};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    wire::openai::{
        generation_header,
        image::{self, ImageList, ImageRequest},
    },
};
use app::{App, GenerateRequest, GenerationView};
use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::catalog::Category;
use futures_util::TryStreamExt;

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<impl IntoResponse, ApiError> {
    refuse_idempotency_key(&headers)?;
    let ImageRequest { model, params, wants_base64 } = image::read(body)?;
    require_category(&app, &model, Category::Image)?;
    let request = GenerateRequest { model, params, errors: Vec::new(), audio: None, chat: None };
    let view = generate(&app, &caller, request, &[("format", "output_format")]).await?;
    let list = if wants_base64 {
        ImageList::of_base64(&view, BASE64_STANDARD.encode(bytes(&app, &view).await?))
    } else {
        ImageList::of_url(&view, view.result_url.clone().ok_or_else(|| without_file(&view))?)
    };
    Ok((generation_header(view.record.id), Json(list)))
}

async fn bytes(app: &App, view: &GenerationView) -> Result<Vec<u8>, ApiError> {
    let name = view.record.result_file.as_ref().ok_or_else(|| without_file(view))?;
    let file = app.open_file(name, |_| None).await?;
    let bytes = file.body.try_fold(Vec::new(), async |mut bytes, chunk| {
        bytes.extend_from_slice(&chunk);
        Ok(bytes)
    });
    Ok(bytes.await.map_err(app::Error::from)?)
}
