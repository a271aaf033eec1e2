//! `POST /stt`: speech to text. The sound is on disk, and looked at, before anything is held; what can be refused without it
//! is refused before it is read.

use super::generate::{Prefer, answer};
use crate::{
    HttpLimits,
    error::ApiError,
    extract::Authenticated,
    form::{self, Form, Parts, Texts},
    idempotency,
    openapi::Operation,
    wire::generation::{self, GenerationBody},
};
use app::{App, Expected, GenerateRequest};
use axum::{
    Extension,
    extract::{Multipart, State, multipart::MultipartRejection},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Map, Value, json};

const DEFAULT_MODEL: &str = "whisper";
const PARTS: Parts = Parts {
    file: "audio",
    expected: Expected::Recording,
    texts: &["model", "language", "diarize", "webhook_url"],
};

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(limits): Extension<HttpLimits>,
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
        form::read_all(&app, limits, &headers, multipart, PARTS, admit).await?;
    let mut params = Map::new();
    for name in ["language", "webhook_url"] {
        params.extend(texts.get(name).map(|text| (name.to_owned(), Value::String(text.clone()))));
    }
    if let Some(text) = texts.get("diarize") {
        // What is neither true nor false is for the model to refuse, as a word.
        let diarize = text.parse().map_or_else(|_| Value::String(text.clone()), Value::Bool);
        params.insert("diarize".to_owned(), diarize);
    }
    let model = texts.get("model").cloned().unwrap_or_else(|| DEFAULT_MODEL.to_owned());
    if !wrong.is_empty() {
        wrong.extend(app.wrong_beside_recording(&model, params)?);
        return Err(ApiError::validation(wrong));
    }
    let request = GenerateRequest { audio, ..GenerateRequest::new(model, params) };
    let key = key.map(|key| key.waiting(prefer.patience()));
    let running = app.generate_once(&caller, request, key).await?;
    Ok(answer(&app, &caller, running, prefer).await)
}

pub(crate) fn operation() -> Operation {
    let form = json!({ "type": "object", "required": ["audio"], "additionalProperties": false, "properties": {
        "audio": { "type": "string", "format": "binary", "description": "mp3, mp4, wav, m4a, ogg, flac or webm, 25 MB at most." },
        "model": { "type": "string", "default": DEFAULT_MODEL },
        "language": { "type": "string" },
        "diarize": { "type": "boolean", "description": "elevenlabs-scribe only." },
        "webhook_url": { "type": "string", "format": "uri", "maxLength": 2048 },
    }});
    Operation::new("Have speech written down")
        .about("Parts may come in any order.")
        .form(form)
        .idempotent()
        .preferring()
        .answers::<GenerationBody>(
            200,
            "Its text is `result_text`, diarized as `[Speaker 1]: …`.",
            generation::example(),
        )
        .answers::<GenerationBody>(
            202,
            "It goes on; `Location` says where to look.",
            generation::begun_example(),
        )
}
