//! ElevenLabs: speech, transcripts and music.
//!
//! Shapes follow the vendor's published OpenAPI description; the wording of errors is what the service is seen to say.

mod error;
mod music;
mod speech;
mod transcript;

use crate::{
    endpoint,
    fields::Object,
    media::SoundFormat,
    protocol::{Body, with_fallbacks},
    service::Service,
    trouble::{Invalid, Trouble, Why},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
    routing::post,
};
use serde_json::Value;
use std::sync::Arc;

/// Bytes in an upload, at most. The vendor takes gigabytes; this holds them in memory.
const MAX_UPLOAD_BYTES: usize = 128 * 1024 * 1024;

pub(super) fn routes() -> Router<Arc<Service>> {
    let transcripts = endpoint::post(transcript::Transcripts).layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES));
    let router = Router::new()
        .route("/v1/text-to-speech/{voice_id}", post(speak))
        .route("/v1/speech-to-text", transcripts)
        .route("/v1/music", post(compose));
    with_fallbacks(router, error::error)
}

async fn speak(
    service: State<Arc<Service>>,
    Path(voice_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query = query.unwrap_or_default();
    endpoint::serve(service, &speech::Speech { voice_id: &voice_id, query: &query }, &headers, body).await
}

async fn compose(
    service: State<Arc<Service>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query = query.unwrap_or_default();
    endpoint::serve(service, &music::Music { query: &query }, &headers, body).await
}

/// The key is in a header of its own.
fn admit(headers: &HeaderMap) -> Result<(), Trouble> {
    match headers.get("xi-api-key") {
        Some(key) if !key.as_bytes().trim_ascii().is_empty() => Ok(()),
        _ => Err(Trouble::NoKey),
    }
}

/// Reads `output_format` of a query: a codec, a rate, and for packed sound a bitrate.
fn read_format(query: &str) -> Result<SoundFormat, Invalid> {
    let named = query.split('&').find_map(|pair| pair.strip_prefix("output_format="));
    let name = named.unwrap_or("mp3_44100_128");
    let format = match name.split('_').collect::<Vec<_>>().as_slice() {
        ["auto"] => Some(SoundFormat::Mp3),
        ["mp3", "22050" | "24000", "32" | "48"] | ["mp3", "44100", "32" | "64" | "96" | "128" | "192"] => {
            Some(SoundFormat::Mp3)
        }
        ["pcm", rate] => read_rate(rate).map(SoundFormat::Pcm),
        ["wav", rate] => read_rate(rate).map(SoundFormat::Wav),
        ["opus", "48000", "32" | "64" | "96" | "128" | "192"] => Some(SoundFormat::Opus),
        _ => None,
    };
    format.ok_or_else(|| Invalid::new("output_format", Why::Other(format!("Invalid output format: {name}"))))
}

fn read_rate(rate: &str) -> Option<u32> {
    const RATES_HZ: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
    rate.parse().ok().filter(|rate| RATES_HZ.contains(rate))
}

/// Reads `seed`, which nothing here depends on.
fn check_seed(body: &Object<'_>) -> Result<(), Invalid> {
    body.integer_within("seed", 0, i64::from(u32::MAX)).map(drop)
}

/// Whether a field of a form says yes.
fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or(false)
}
