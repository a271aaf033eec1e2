//! `POST /v1/speech-to-text`.

use super::{admit, check_seed, error, is_true};
use crate::{
    endpoint::{Call, Endpoint},
    fault::Scope,
    fields::Object,
    form::Content,
    reply::Reply,
    transcript::{Transcript, Word, seconds},
    trouble::{Trouble, Why},
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Shortest sound that is taken.
const MIN_MS: u64 = 100;

/// Writes down what is said.
#[derive(Clone, Copy)]
pub(super) struct Transcripts;

pub(super) struct Order {
    transcript: Transcript,
    language_code: String,
    has_words: bool,
    /// Speakers that are told apart; none when nobody asked.
    speakers: usize,
}

impl Endpoint for Transcripts {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let form = content.form()?;
        let values = form.values(&[
            "diarize",
            "num_speakers",
            "diarization_threshold",
            "tag_audio_events",
            "use_multi_channel",
            "webhook",
            "temperature",
            "seed",
        ]);
        let body = Object::at("", &values)?;
        let model = body.require_text("model_id")?;
        if !["scribe_v1", "scribe_v1_experimental", "scribe_v2"].contains(&model) {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        for name in ["webhook", "use_multi_channel", "cloud_storage_url", "source_url"] {
            if is_true(values.get(name)) || values.get(name).is_some_and(Value::is_string) {
                return Err(body
                    .wrong(name, Why::Other(format!("{name} is not taken in this sandbox")))
                    .into());
            }
        }
        let diarizes = body.flag("diarize")?;
        body.flag("tag_audio_events")?;
        let speakers =
            body.integer_within("num_speakers", 1, 32)?.and_then(|count| usize::try_from(count).ok());
        body.decimal("diarization_threshold", 0.1, 0.4)?;
        body.decimal("temperature", 0.0, 2.0)?;
        check_seed(&body)?;
        let granularity = body.one_of("timestamps_granularity", &["none", "word", "character"])?;
        let transcript = Transcript::of(form.require_file("file")?);
        if transcript.duration_ms < MIN_MS {
            let why = "The audio is too short. The minimum is 100 ms.".to_owned();
            return Err(body.wrong("file", Why::Other(why)).into());
        }
        Ok(Order {
            transcript,
            language_code: body.text("language_code")?.unwrap_or("eng").to_owned(),
            has_words: granularity != Some("none"),
            speakers: if diarizes { speakers.unwrap_or(2) } else { 0 },
        })
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let order = &call.order;
        let body = json!({
            "language_code": order.language_code,
            "language_probability": 0.98,
            "text": order.transcript.text,
            "words": words(order),
            "transcription_id": call.id,
            "audio_duration_secs": seconds(order.transcript.duration_ms),
        });
        Reply::json(StatusCode::OK, &body).with_request_id("request-id", &call.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// Words and, between them, spaces. Speakers take turns of five words.
fn words(order: &Order) -> Vec<Value> {
    const TURN_WORDS: usize = 5;
    let mut words = Vec::new();
    for (index, word) in order.transcript.words.iter().enumerate() {
        let speaker = order.speakers.checked_sub(1).map(|last| (index / TURN_WORDS) % (last + 1));
        let Word { text, start_ms, end_ms } = word;
        if index > 0 {
            words.push(entry(" ", "spacing", *start_ms, *start_ms, speaker));
        }
        words.push(entry(text, "word", *start_ms, *end_ms, speaker));
    }
    if order.has_words { words } else { Vec::new() }
}

fn entry(text: &str, kind: &str, start_ms: u64, end_ms: u64, speaker: Option<usize>) -> Value {
    json!({
        "text": text,
        "start": seconds(start_ms),
        "end": seconds(end_ms),
        "type": kind,
        "speaker_id": speaker.map(|speaker| format!("speaker_{speaker}")),
        "logprob": -0.1,
    })
}
