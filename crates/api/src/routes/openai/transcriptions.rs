//! `POST /v1/audio/transcriptions`

use super::generate;
use crate::{
    HttpLimits,
    error::ApiError,
    extract::Authenticated,
    form::{self, Parts, Texts},
    idempotency,
    openapi::Operation,
};
use app::{App, Expected, GenerateRequest};
use axum::{
    Extension, Json,
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
    Extension(limits): Extension<HttpLimits>,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let multipart = multipart.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let admit = |texts: &Texts| {
        read_format(texts)?;
        match texts.get("model") {
            // A repeat needs nothing but the first answer.
            Some(model) if key.is_none() => Ok(app.admit_recording(&caller, model)?),
            _ => Ok(()),
        }
    };
    let (audio, mut texts) = form::read(&app, limits, &headers, multipart, PARTS, admit).await?;
    let format = read_format(&texts)?;
    let Some(model) = texts.remove("model") else {
        return Err(ApiError::field(FieldError::new("model", "must be the slug of a model")));
    };
    let language = texts.remove("language").map(|language| ("language".to_owned(), Value::String(language)));
    let params = Map::from_iter(language);
    let request = GenerateRequest {
        audio: Some(audio),
        category: Some(Category::Stt),
        ..GenerateRequest::new(model, params)
    };
    let told = generate(&app, &caller, (request, key), &NAMES, async |finished| {
        let text = finished.text.as_deref().unwrap_or_default();
        Ok(match format {
            Format::Json => Json(json!({ "text": text })).into_response(),
            Format::Text => text.to_owned().into_response(),
        })
    });
    told.await
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

pub(crate) fn operation() -> Operation {
    let form = json!({ "type": "object", "required": ["file", "model"], "additionalProperties": false, "properties": {
        "file": { "type": "string", "format": "binary" }, "model": { "type": "string" }, "language": { "type": "string" },
        "response_format": { "enum": ["json", "text"] },
    }});
    let schema =
        json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
    Operation::new("Have speech written down")
        .form(form)
        .idempotent()
        .answers_json(200, "The text.", schema, json!({ "text": "Hello." }))
        .answers_media(200, "", "text/plain", Some("Hello."))
        .refuses(&["timeout"])
}
