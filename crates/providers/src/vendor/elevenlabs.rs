//! ElevenLabs: <https://elevenlabs.io/docs/api-reference>. Speech, transcripts and music; each is one exchange.
//!
//! No settings.

mod transcript;

use crate::{
    adapter::{
        Adapter, AnswerForm, Exchange, Field, InputForm, KeyCarrier, MediaAdapter, Reply, Request, Response,
        Step, rejected, settings,
    },
    wire::{
        detail,
        error::{VendorError, bad_response, kind_of_status},
        job::{self, path_segment},
        media::{answered_file, at_once, needed_file, no_jobs, not_made, only, words, wrong_language},
    },
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall},
    params::{FieldError, ParamValue},
    port::{ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

pub(crate) struct ElevenLabs;

/// 44.1 kHz, 128 kbit/s: the best that every plan has.
const MP3: &str = "mp3_44100_128";

impl Adapter for ElevenLabs {
    fn vendor(&self) -> &'static str {
        "elevenlabs"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.elevenlabs.io"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Header("xi-api-key")
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        let whole = VendorError::parse(&response.body);
        let error = match whole.object["detail"].as_object() {
            Some(detail) => {
                let mut error = VendorError::from_object(Value::Object(detail.clone()));
                // The most exact name stands under `status`; `code`, where there is one, is coarser.
                error.code = detail.get("status").and_then(Value::as_str).unwrap_or(&error.code).to_owned();
                error
            }
            None => detail::parse(&response.body),
        };
        let kind = error_kind(response.status, &error);
        error.into_error(kind, response.status)
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

/// A status says little here: spent credit comes under 401, and unknown voices under 400 or 404.
fn error_kind(status: StatusCode, error: &VendorError) -> ProviderErrorKind {
    if error.is_any(&["quota_exceeded", "payment_required"]) {
        ProviderErrorKind::QuotaExhausted
    } else if error.is_any(&["content_against_policy", "bad_prompt", "bad_composition_plan"]) {
        ProviderErrorKind::ContentRefused
    } else if error.is_any(&["voice_not_found", "max_character_limit_exceeded", "invalid_uid"]) {
        ProviderErrorKind::RejectedRequest
    } else if error.is_any(&["too_many_concurrent_requests", "system_busy"]) {
        ProviderErrorKind::RateLimited
    } else {
        kind_of_status(status)
    }
}

impl MediaAdapter for ElevenLabs {
    fn makes(&self, category: Category) -> bool {
        matches!(category, Category::Music | Category::Tts | Category::Stt)
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn check(&self, call: &MediaCall) -> Vec<FieldError> {
        wrong_language(call, 2..=3).into_iter().collect()
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        match call.category {
            Category::Music => Ok(at_once(music(call)?, AnswerForm::File)),
            Category::Tts => Ok(at_once(speech(call)?, AnswerForm::File)),
            Category::Stt => Ok(at_once(transcription(call)?, AnswerForm::Memory)),
            other => Err(not_made(other)),
        }
    }

    fn next(&self, call: &MediaCall, _: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        if call.category == Category::Stt {
            return transcript::product(&job::read(reply)?, is_diarized(call)).map(Step::Done);
        }
        let product = answered_file(reply)?;
        product.map(Step::Done).ok_or_else(|| bad_response("JSON came in place of sound"))
    }

    fn poll(&self, _: &MediaCall, _: &JobState) -> Result<Exchange, ProviderError> {
        Err(no_jobs())
    }

    fn cancel(&self, _: &MediaCall, _: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(None)
    }
}

fn speech(call: &MediaCall) -> Result<Request, ProviderError> {
    let [] = settings(&call.upstream, [])?;
    only(call, &["text", "voice_id", "speed", "format"])?;
    let voice = path_segment(words(call, "voice_id")?)
        .map_err(|_| rejected("the vendor has no voice of such a name"))?;
    let format = output_format(call.params.text("format").unwrap_or("mp3"))?;
    let mut body = Map::new();
    body.insert("text".into(), json!(words(call, "text")?));
    body.insert("model_id".into(), json!(call.upstream.model));
    let speed = call.params.decimal("speed");
    body.extend(speed.map(|speed| ("voice_settings".into(), json!({ "speed": speed.to_json() }))));
    let path = format!("/v1/text-to-speech/{voice}?output_format={format}");
    Ok(Request::post_json(path, &Value::Object(body)))
}

/// Codec, sampling rate and bit rate. Finer WAV is kept for dearer plans.
fn output_format(format: &str) -> Result<&'static str, ProviderError> {
    match format {
        "mp3" => Ok(MP3),
        "wav" => Ok("wav_24000"),
        "ogg" => Ok("opus_48000_128"),
        other => Err(rejected(format!("the vendor has no format {other}"))),
    }
}

fn music(call: &MediaCall) -> Result<Request, ProviderError> {
    let [] = settings(&call.upstream, [])?;
    only(call, &["prompt", "duration"])?;
    let mut body = Map::new();
    body.insert("prompt".into(), json!(words(call, "prompt")?));
    body.insert("model_id".into(), json!(call.upstream.model));
    let duration_ms = call.params.integer("duration").map(|duration_s| duration_s.saturating_mul(1_000));
    body.extend(duration_ms.map(|ms| ("music_length_ms".into(), json!(ms))));
    Ok(Request::post_json(format!("/v1/music?output_format={MP3}"), &Value::Object(body)))
}

fn transcription(call: &MediaCall) -> Result<Request, ProviderError> {
    let [] = settings(&call.upstream, [])?;
    only(call, &["language", "diarize"])?;
    let field = |name: &str, value: &str| Field::Text { name: name.to_owned(), value: value.to_owned() };
    let diarize = if is_diarized(call) { "true" } else { "false" };
    let mut fields = vec![field("model_id", &call.upstream.model), field("diarize", diarize)];
    fields.extend(call.params.text("language").map(|language| field("language_code", language)));
    let file = needed_file(call, "audio")?.clone();
    fields.push(Field::File { name: "file".to_owned(), file });
    Ok(Request::post_multipart("/v1/speech-to-text", fields))
}

fn is_diarized(call: &MediaCall) -> bool {
    call.params.iter().any(|(name, value)| name == "diarize" && *value == ParamValue::Boolean(true))
}
