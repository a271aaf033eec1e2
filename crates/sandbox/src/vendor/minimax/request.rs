//! What the vendor checks.

use super::Order;
use crate::{
    fields::Object,
    hash::fnv1a,
    media::{Sound, SoundFormat, speech_ms},
    trouble::{Invalid, Trouble, Why},
};
use serde_json::Value;

const MODELS: [&str; 8] = [
    "speech-2.8-hd",
    "speech-2.8-turbo",
    "speech-2.6-hd",
    "speech-2.6-turbo",
    "speech-02-hd",
    "speech-02-turbo",
    "speech-01-hd",
    "speech-01-turbo",
];

/// A text must be shorter than 10,000 characters.
const MAX_TEXT_CHARS: usize = 9_999;

/// Reads a request.
pub(super) fn read(json: &Value) -> Result<Order, Trouble> {
    let body = Object::at("", json)?;
    let model = body.require_text("model")?;
    if !MODELS.contains(&model) {
        return Err(Trouble::UnknownModel(model.to_owned()));
    }
    for name in ["stream", "subtitle_enable"] {
        if body.flag(name)? {
            return Err(body.wrong(name, Why::Other(format!("{name} is not taken in this sandbox"))).into());
        }
    }
    let text = body.require_text_within("text", MAX_TEXT_CHARS)?;
    let (voice, speed) = read_voice(&body)?;
    let (format, rate_hz, bitrate, channels) = read_audio(&body)?;
    let codec = match format {
        "pcm" => SoundFormat::Pcm(rate_hz),
        "wav" => SoundFormat::Wav(rate_hz),
        "flac" => SoundFormat::Flac,
        _ => SoundFormat::Mp3,
    };
    let seed = fnv1a(format!("{voice} {model} {text}").as_bytes());
    Ok(Order {
        text: text.to_owned(),
        sound: Sound::new(seed, speech_ms(text, speed), codec),
        format,
        rate_hz,
        bitrate,
        channels,
        by_url: body.one_of("output_format", &["hex", "url"])? == Some("url"),
    })
}

/// The voice and its speed.
fn read_voice<'a>(body: &Object<'a>) -> Result<(&'a str, f64), Invalid> {
    const EMOTIONS: &[&str] = &[
        "happy",
        "sad",
        "angry",
        "fearful",
        "disgusted",
        "surprised",
        "calm",
        "neutral",
        "fluent",
        "whisper",
    ];
    if body.get("timber_weights").is_some() {
        body.require_list("timber_weights")?;
        return Ok(("", 1.0));
    }
    body.require("voice_setting")?;
    let Some(voice) = body.object("voice_setting")? else {
        return Err(body.wrong("voice_setting", Why::Missing));
    };
    let speed = voice.decimal("speed", 0.5, 2.0)?.unwrap_or(1.0);
    if voice.decimal("vol", 0.0, 10.0)? == Some(0.0) {
        return Err(voice.wrong("vol", Why::Below { got: "0".to_owned(), min: "(0, 10]".to_owned() }));
    }
    voice.integer_within("pitch", -12, 12)?;
    voice.one_of("emotion", EMOTIONS)?;
    Ok((voice.require_text("voice_id")?, speed))
}

/// Format, samples a second, bits a second, and channels.
fn read_audio(body: &Object<'_>) -> Result<(&'static str, u32, i64, i64), Invalid> {
    const FORMATS: [&str; 4] = ["mp3", "pcm", "flac", "wav"];
    let Some(audio) = body.object("audio_setting")? else { return Ok(("mp3", 32_000, 128_000, 1)) };
    let got = audio.one_of("format", &FORMATS)?;
    let format = FORMATS.iter().find(|format| Some(**format) == got).copied().unwrap_or("mp3");
    let rate_hz = choice(&audio, "sample_rate", &[8_000, 16_000, 22_050, 24_000, 32_000, 44_100], 32_000)?;
    let bitrate = choice(&audio, "bitrate", &[32_000, 64_000, 128_000, 256_000], 128_000)?;
    let channels = choice(&audio, "channel", &[1, 2], 1)?;
    Ok((format, u32::try_from(rate_hz).unwrap_or(32_000), bitrate, channels))
}

fn choice(object: &Object<'_>, name: &str, allowed: &[i64], default: i64) -> Result<i64, Invalid> {
    match object.integer(name, 0)? {
        Some(got) if !allowed.contains(&got) => {
            Err(object.wrong(name, Why::Other(format!("{name} must be one of {allowed:?}"))))
        }
        got => Ok(got.unwrap_or(default)),
    }
}
