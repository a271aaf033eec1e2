//! `POST /v1/audio/speech`: the sound itself is the answer.

use super::{generate, refuse_idempotency_key, require_category, without_file};
use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject},
    wire::openai::{Fields, generation_header},
};
use app::{App, GenerateRequest};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
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
    refuse_idempotency_key(&headers)?;
    let request = read(body)?;
    require_category(&app, &request.model, Category::Tts)?;
    let view = generate(&app, &caller, request, &NAMES).await?;
    let name = view.record.result_file.as_ref().ok_or_else(|| without_file(&view))?;
    let file = app.open_file(name, |_| None).await?;
    let mut response = (generation_header(view.record.id), Body::from_stream(file.body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.record.size_bytes));
    if let Ok(content_type) = HeaderValue::from_str(&file.record.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    Ok(response)
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
        Ok(GenerateRequest { model, params, errors, audio: None, chat: None })
    } else {
        Err(ApiError::validation(errors))
    }
}
