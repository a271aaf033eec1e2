//! `POST /v1/audio/speech`: the sound itself is the answer.

use super::{file_of, generate, unread};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    idempotency,
    openapi::Operation,
    wire::openai::Fields,
};
use app::{App, GenerateRequest};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use domain::{catalog::Category, params::FieldError};
use serde_json::{Map, Value, json};

/// Our names of fields, and theirs.
const NAMES: [(&str, &str); 3] = [("text", "input"), ("voice_id", "voice"), ("format", "response_format")];
/// Their names of formats, and ours: their Opus comes in Ogg.
const FORMATS: [(&str, &str); 3] = [("mp3", "mp3"), ("opus", "ogg"), ("wav", "wav")];

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let request = read(body)?;
    let told = generate(&app, &caller, (request, key), &NAMES, async |finished| {
        let name = file_of(&finished)?;
        let file = app.open_file(name, |_| None).await.map_err(|error| unread(error, finished.id))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.record.size_bytes));
        if let Ok(content_type) = HeaderValue::from_str(&file.record.content_type) {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        Ok((headers, Body::from_stream(file.body)))
    });
    told.await
}

fn read(body: Map<String, Value>) -> Result<GenerateRequest, ApiError> {
    let mut errors = Vec::new();
    let mut body = Fields::new(body, &mut errors);
    let model = body.require_text("model").unwrap_or_default();
    body.only("stream_format", &json!("audio"));
    let mut params = Map::new();
    for (ours, theirs) in [("text", "input"), ("voice_id", "voice"), ("speed", "speed")] {
        params.extend(body.take(theirs).map(|value| (ours.to_owned(), value)));
    }
    if let Some(format) = body.text("response_format") {
        match FORMATS.iter().find(|(theirs, _)| *theirs == format) {
            Some((_, ours)) => drop(params.insert("format".to_owned(), json!(ours))),
            None => {
                let error = FieldError::new("response_format", "is not supported here");
                body.push(error.allowing(FORMATS.map(|(theirs, _)| theirs)));
            }
        }
    }
    body.finish();
    if errors.is_empty() {
        Ok(GenerateRequest { category: Some(Category::Tts), ..GenerateRequest::new(model, params) })
    } else {
        Err(ApiError::validation(errors))
    }
}

pub(crate) fn operation() -> Operation {
    let body = json!({ "type": "object", "required": ["model", "input"], "additionalProperties": false, "properties": {
        "model": { "type": "string" }, "input": { "type": "string" }, "voice": { "type": ["string", "null"] },
        "speed": { "type": ["number", "null"] }, "stream_format": { "enum": ["audio", null] },
        "response_format": { "enum": ["mp3", "opus", "wav", null] },
    }});
    Operation::new("Have a text spoken")
        .json_body(body, json!({ "model": "openai-tts", "input": "Hello." }))
        .idempotent()
        .answers_media(200, "The sound itself.", "audio/*", None)
        .refuses(&["timeout"])
}
