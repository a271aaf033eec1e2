//! `POST /audio/speech`.

use super::{error, finished};
use crate::{
    endpoint::{Call, Endpoint},
    fault::Scope,
    fields::Object,
    form::Content,
    hash::fnv1a,
    media::{Recipe, Sound, SoundFormat, speech_ms},
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
    vendor::chat::admit_bearer,
};
use axum::http::HeaderMap;
use serde_json::Value;

const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin",
    "cedar",
];

const FIELDS: [&str; 7] =
    ["model", "input", "voice", "response_format", "speed", "instructions", "stream_format"];

/// Samples a second of what is not packed.
const RATE_HZ: u32 = 24_000;

/// Says a text.
#[derive(Clone, Copy)]
pub(super) struct Speech;

#[derive(Debug)]
pub(super) struct Order {
    input: String,
    sound: Sound,
}

impl Endpoint for Speech {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let json = content.json()?;
        let body = Object::at("", &json)?;
        body.only(&FIELDS)?;
        let model = body.require_text("model")?;
        if !(model.starts_with("tts-1") || model.starts_with("gpt-4o-mini-tts")) {
            return Err(Trouble::UnknownModel(model.to_owned()));
        }
        let input = body.require_text_within("input", 4_096)?.to_owned();
        let voice = read_voice(&body)?;
        let speed = body.decimal("speed", 0.25, 4.0)?.unwrap_or(1.0);
        if model.starts_with("tts-1") && body.get("instructions").is_some() {
            return Err(body.wrong("instructions", Why::NotTaken("")).into());
        }
        body.text("instructions")?;
        if body.one_of("stream_format", &["audio", "sse"])? == Some("sse") {
            let message = "Server-sent events of speech are not made in this sandbox.";
            return Err(body.wrong("stream_format", Why::Other(message.to_owned())).into());
        }
        let seed = fnv1a(format!("{voice} {input}").as_bytes());
        let sound = Sound::new(seed, speech_ms(&input, speed), read_format(&body)?);
        Ok(Order { input, sound })
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.input
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        match Recipe::Sound(call.order.sound).make().await {
            Some(media) => finished(Reply::media(media), &call.id),
            None => error(&Trouble::Internal, &call.id),
        }
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error(trouble, id)
    }
}

/// A name, or an object with the id of one's own.
fn read_voice<'a>(body: &Object<'a>) -> Result<&'a str, Invalid> {
    match body.require("voice")? {
        Value::Object(_) => match body.object("voice")? {
            Some(voice) => voice.require_text("id"),
            None => Err(body.wrong("voice", Why::Missing)),
        },
        _ => Ok(body.one_of("voice", &VOICES)?.unwrap_or_default()),
    }
}

fn read_format(body: &Object<'_>) -> Result<SoundFormat, Invalid> {
    Ok(match body.one_of("response_format", &["mp3", "opus", "aac", "flac", "wav", "pcm"])? {
        Some("opus") => SoundFormat::Opus,
        Some("aac") => SoundFormat::Aac,
        Some("flac") => SoundFormat::Flac,
        Some("wav") => SoundFormat::Wav(RATE_HZ),
        Some("pcm") => SoundFormat::Pcm(RATE_HZ),
        _ => SoundFormat::Mp3,
    })
}
