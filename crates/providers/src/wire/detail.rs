//! Errors of the form `{"detail": …, "title"?: …}`, where the detail is a text, or a list of fields that are wrong.

use super::error::VendorError;
use serde_json::Value;

/// Reads a body. The title becomes the error's type.
pub(crate) fn parse(body: &[u8]) -> VendorError {
    let error = VendorError::parse(body);
    let title = error.object["title"].as_str().unwrap_or_default().to_owned();
    let message = match &error.object["detail"] {
        Value::String(text) => text.clone(),
        Value::Array(fields) => fields.iter().map(wrong_field).collect::<Vec<_>>().join("; "),
        _ => error.message.clone(),
    };
    VendorError { message, error_type: title, ..error }
}

/// `{"loc": ["body", "duration"], "msg": "…"}` as `body.duration: …`.
fn wrong_field(field: &Value) -> String {
    let words = field["loc"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words = words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned));
    match field["msg"].as_str() {
        Some(message) => format!("{}: {message}", words.collect::<Vec<_>>().join(".")),
        None => field.to_string(),
    }
}
