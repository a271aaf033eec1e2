//! `POST /stt`: speech to text. The sound is on disk, and looked at, before anything is held; what can be refused without it
//! is refused before it is read.

use super::generate::{Prefer, answer};
use crate::{
    error::ApiError,
    extract::Authenticated,
    form::{self, Form, Parts, Texts},
    idempotency,
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
    let (key, prefer) = (idempotency::read(&headers)?, Prefer::read(&headers));
    let multipart = multipart.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let admit = |texts: &Texts| match texts.get("model") {
        // A repeat needs nothing but the first answer.
        Some(model) if key.is_none() => Ok(app.admit_recording(&caller, model)?),
        _ => Ok(()),
    };
    let Form { file: audio, texts, mut wrong } =
        form::read_all(&app, &headers, multipart, PARTS, admit).await?;
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
    if !wrong.is_empty() {
        wrong.extend(app.wrong_beside_recording(&model, &params)?);
        return Err(ApiError::validation(wrong));
    }
    let request = GenerateRequest { model, params, errors: Vec::new(), audio, chat: None };
    let key = key.map(|key| key.waiting(prefer.patience()));
    let running = app.generate_once(&caller, request, key).await?;
    Ok(answer(&app, &caller, running, prefer).await)
}
