//! Chat completions, as OpenAI defined them and others took them over. What differs stands with each vendor.

use super::CREATED_UNIX_S;
use crate::{
    answer::Ask,
    conversation::{Part, silent_part, text_part},
    fields::Object,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

/// What a message may hold.
pub(super) const PARTS: [Part; 4] = [
    Part { kind: "text", read: text_part },
    Part { kind: "image_url", read: image_part },
    Part { kind: "file", read: silent_part },
    Part { kind: "input_audio", read: silent_part },
];

fn image_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    let image = part.object("image_url")?.ok_or_else(|| part.wrong("image_url", Why::Missing))?;
    check_image_url(&image, "url")?;
    image.one_of("detail", &["auto", "low", "high"])?;
    Ok("")
}

/// Refuses what no vendor could fetch.
pub(super) fn check_image_url(object: &Object<'_>, name: &str) -> Result<(), Invalid> {
    let url = object.require_text(name)?;
    let is_data = url.starts_with("data:image/") && url.contains(";base64,");
    if is_data || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let message = format!("Invalid '{}': expected an http(s) URL or a base64 data URL.", object.path(name));
    Err(object.wrong(name, Why::Other(message)))
}

/// `Authorization: Bearer …` with something behind it.
pub(super) fn admit_bearer(headers: &HeaderMap) -> Result<(), Trouble> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match value.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if !key.trim().is_empty() => Ok(()),
        _ => Err(Trouble::NoKey),
    }
}

/// Reads `stream` and `stream_options`.
pub(super) fn read_stream(body: &Object<'_>, ask: &mut Ask) -> Result<(), Invalid> {
    ask.stream = body.flag("stream")?;
    let Some(options) = body.object("stream_options")? else { return Ok(()) };
    if !ask.stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(body.wrong("stream_options", Why::Other(message.to_owned())));
    }
    ask.include_usage = options.flag("include_usage")?;
    Ok(())
}

/// Refuses several answers at once, which vendors can give and the sandbox cannot.
pub(super) fn refuse_several(body: &Object<'_>) -> Result<(), Invalid> {
    match body.integer("n", 1)? {
        Some(got) if got > 1 => {
            Err(body.wrong("n", Why::Above { got: got.to_string(), max: "1, in this sandbox".to_owned() }))
        }
        _ => Ok(()),
    }
}

/// What every chunk and body of one answer shares.
pub(super) struct Completion<'a> {
    pub(super) id: String,
    pub(super) model: &'a str,
    pub(super) system_fingerprint: &'a str,
}

impl Completion<'_> {
    /// A whole answer.
    pub(super) fn whole(&self, message: &Value, finish_reason: &str, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": CREATED_UNIX_S,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason,
            }],
            "usage": usage,
        })
    }

    /// A chunk with a piece of the answer.
    pub(super) fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        self.bare_chunk(&json!([{
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": finish_reason,
        }]))
    }

    /// A chunk with usage alone.
    pub(super) fn usage_chunk(&self, usage: &Value) -> Value {
        with(self.bare_chunk(&json!([])), "usage", usage)
    }

    fn bare_chunk(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED_UNIX_S,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "choices": choices,
        })
    }
}

/// An object with one more field.
pub(super) fn with(mut object: Value, name: &str, value: &Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert(name.to_owned(), value.clone());
    }
    object
}
