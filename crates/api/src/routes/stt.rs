//! `POST /stt`: speech to text. The sound is on disk, and looked at, before anything is held; what can be refused without it
//! is refused before it is read.

use super::generate::{Prefer, answer};
use crate::{
    error::ApiError,
    extract::Authenticated,
    form::{self, Parts, Texts},
};
use app::{App, Expected, GenerateRequest};
use axum::{
    extract::{Multipart, State, multipart::MultipartRejection},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Map, Value};

const DEFAULT_MODEL: &str = "whisper";
const PARTS: Parts =
    Parts { file: "audio", expected: Expected::Recording, texts: &["model", "language", "diarize"] };

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, ApiError> {
    super::generate::refuse_idempotency_key(&headers)?;
    let multipart = multipart.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let admit = |texts: &Texts| match texts.get("model") {
        Some(model) => Ok(app.admit_recording(&caller, model)?),
        None => Ok(()),
    };
    let (audio, texts) = form::read(&headers, multipart, PARTS, admit).await?;
    let mut params = Map::new();
    if let Some(language) = texts.get("language") {
        params.insert("language".to_owned(), Value::String(language.clone()));
    }
    if let Some(text) = texts.get("diarize") {
        // What is neither true nor false is for the model to refuse, as a word.
        let diarize = text.parse().map_or_else(|_| Value::String(text.clone()), Value::Bool);
        params.insert("diarize".to_owned(), diarize);
    }
    let model = texts.get("model").cloned().unwrap_or_else(|| DEFAULT_MODEL.to_owned());
    let request = GenerateRequest { model, params, errors: Vec::new(), audio: Some(audio) };
    let running = app.generate(&caller, request).await?;
    Ok(answer(&app, &caller, running, Prefer::read(&headers)).await)
}
