//! `POST /audio/transcriptions`.

use super::{error, finished};
use crate::{
    answer::count_words,
    endpoint::{Call, Endpoint},
    fault::Scope,
    fields::Object,
    form::{Content, Part},
    reply::Reply,
    transcript::{Transcript, Word, seconds},
    trouble::{Invalid, Trouble, Why},
    vendor::chat::admit_bearer,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

const EXTENSIONS: [&str; 10] = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"];
const MAX_FILE_BYTES: usize = 25 * 1024 * 1024;

/// Writes down what is said.
#[derive(Clone, Copy)]
pub(super) struct Transcriptions;

#[derive(Debug)]
pub(super) struct Order {
    is_whisper: bool,
    format: &'static str,
    language: Option<String>,
    with_words: bool,
    transcript: Transcript,
}

impl Endpoint for Transcriptions {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let form = content.form()?;
        let file = form.require_file("file")?;
        check_file(file)?;
        let values = form.values(&["temperature", "stream"]);
        let body = Object::at("", &values)?;
        let model = body.require_text("model")?;
        let is_whisper = model == "whisper-1";
        if !is_whisper && !model.starts_with("gpt-4o-transcribe") {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        body.decimal("temperature", 0.0, 1.0)?;
        Ok(Order {
            is_whisper,
            format: read_format(&body, is_whisper)?,
            language: read_language(&body)?,
            with_words: body.text("timestamp_granularities[]")? == Some("word"),
            transcript: Transcript::of(file),
        })
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let Order { format, transcript, .. } = &call.order;
        let reply = match *format {
            "text" => Reply::text(format!("{}\n", transcript.text)),
            "srt" => Reply::text(format!("1\n{}\n{}\n\n", span(transcript, ','), transcript.text)),
            "vtt" => Reply::text(format!("WEBVTT\n\n{}\n{}\n\n", span(transcript, '.'), transcript.text)),
            "verbose_json" => Reply::json(StatusCode::OK, &verbose(&call.order)),
            _ => Reply::json(StatusCode::OK, &json!({"text": transcript.text, "usage": usage(&call.order)})),
        };
        finished(reply, &call.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error(trouble, id)
    }
}

/// The vendor knows a file by the ending of its name.
fn check_file(file: &Part) -> Result<(), Trouble> {
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(Trouble::TooLarge);
    }
    if EXTENSIONS.contains(&file.extension().as_str()) {
        return Ok(());
    }
    let message = format!("Invalid file format. Supported formats: ['{}']", EXTENSIONS.join("', '"));
    Err(Invalid::new("file", Why::Other(message)).into())
}

fn read_format(body: &Object<'_>, is_whisper: bool) -> Result<&'static str, Invalid> {
    const FORMATS: [&str; 5] = ["json", "text", "srt", "verbose_json", "vtt"];
    let got = body.one_of("response_format", &FORMATS)?.unwrap_or("json");
    if !is_whisper && got != "json" {
        let message =
            format!("response_format '{got}' is not compatible with this model. Use 'json' instead.");
        return Err(body.wrong("response_format", Why::Other(message)));
    }
    let granularity = body.one_of("timestamp_granularities[]", &["word", "segment"])?;
    if granularity.is_some() && got != "verbose_json" {
        let message = "timestamp_granularities needs response_format 'verbose_json'.";
        return Err(body.wrong("timestamp_granularities", Why::Other(message.to_owned())));
    }
    Ok(FORMATS.iter().find(|format| **format == got).copied().unwrap_or_default())
}

fn read_language(body: &Object<'_>) -> Result<Option<String>, Invalid> {
    match body.text("language")? {
        Some(code) if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            let message = format!(
                "Invalid language '{code}'. Language parameter must be specified in ISO-639-1 format."
            );
            Err(body.wrong("language", Why::Other(message)))
        }
        code => Ok(code.map(str::to_owned)),
    }
}

fn usage(order: &Order) -> Value {
    if order.is_whisper {
        return json!({"type": "duration", "seconds": order.transcript.duration_ms.div_ceil(1000)});
    }
    let audio = order.transcript.duration_ms.div_ceil(100);
    let output = count_words(&order.transcript.text) as u64;
    json!({
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": output,
        "total_tokens": audio.saturating_add(output),
    })
}

fn verbose(order: &Order) -> Value {
    let Order { transcript, language, .. } = order;
    let end = seconds(transcript.duration_ms);
    let mut body = json!({
        "task": "transcribe",
        "language": language.as_deref().unwrap_or("english"),
        "duration": end,
        "text": transcript.text,
        "usage": usage(order),
    });
    if order.with_words {
        let word = |word: &Word| json!({"word": word.text, "start": seconds(word.start_ms), "end": seconds(word.end_ms)});
        body["words"] = transcript.words.iter().map(word).collect();
    } else {
        body["segments"] = json!([{
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": end,
            "text": transcript.text,
            "tokens": [50364],
            "temperature": 0.0,
            "avg_logprob": -0.2,
            "compression_ratio": 1.0,
            "no_speech_prob": 0.01,
        }]);
    }
    body
}

/// From the beginning to the end, as subtitles say it.
fn span(transcript: &Transcript, point: char) -> String {
    let (s, ms) = (transcript.duration_ms / 1000, transcript.duration_ms % 1000);
    format!("00:00:00{point}000 --> {:02}:{:02}:{:02}{point}{ms:03}", s / 3600, s / 60 % 60, s % 60)
}
