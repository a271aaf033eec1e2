//! `POST /v1/audio/transcriptions`

use super::{generate, refuse_idempotency_key, require_category};
use crate::{
    error::ApiError,
    extract::Authenticated,
    form::{self, Parts, Texts},
    wire::openai::generation_header,
};
use app::{App, Expected, GenerateRequest};
use axum::{
    Json,
    extract::{Multipart, State, multipart::MultipartRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{catalog::Category, params::FieldError};
use serde_json::{Map, Value, json};

const PARTS: Parts =
    Parts { file: "file", expected: Expected::Recording, texts: &["model", "language", "response_format"] };
/// Our names of fields, and theirs.
const NAMES: [(&str, &str); 1] = [("audio", "file")];

/// What a transcript comes as.
#[derive(Clone, Copy)]
enum Format {
    Json,
    Text,
}

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, ApiError> {
    refuse_idempotency_key(&headers)?;
    let multipart = multipart.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let admit = |texts: &Texts| {
        read_format(texts)?;
        let Some(model) = texts.get("model") else { return Ok(()) };
        require_category(&app, model, Category::Stt)?;
        Ok(app.admit_recording(&caller, model)?)
    };
    let (audio, mut texts) = form::read(&app, &headers, multipart, PARTS, admit).await?;
    let format = read_format(&texts)?;
    let Some(model) = texts.remove("model") else {
        return Err(ApiError::field(FieldError::new("model", "must be the slug of a model")));
    };
    require_category(&app, &model, Category::Stt)?;
    let language = texts.remove("language").map(|language| ("language".to_owned(), Value::String(language)));
    let params = Map::from_iter(language);
    let request = GenerateRequest { model, params, errors: Vec::new(), audio: Some(audio), chat: None };
    let view = generate(&app, &caller, request, &NAMES).await?;
    let text = view.record.result_text.unwrap_or_default();
    let header = generation_header(view.record.id);
    Ok(match format {
        Format::Json => (header, Json(json!({ "text": text }))).into_response(),
        Format::Text => (header, text).into_response(),
    })
}

fn read_format(texts: &Texts) -> Result<Format, ApiError> {
    match texts.get("response_format").map(String::as_str) {
        None | Some("json") => Ok(Format::Json),
        Some("text") => Ok(Format::Text),
        Some(_) => {
            let error = FieldError::new("response_format", "is not supported here");
            Err(ApiError::field(error.allowing(["json", "text"])))
        }
    }
}
