//! Reading conversations as our own wire has them.

use super::{Image, ImageForm, MAX_IMAGES, MAX_MESSAGES, Message, Part, Role};
use crate::params::FieldError;
use serde_json::{Map, Value};

/// Reads `messages` from JSON. Every wrong place is named, as `messages[2].content[0]`.
pub fn read_messages(
    field: &str,
    value: &Value,
    forms: &[ImageForm],
) -> Result<Vec<Message>, Vec<FieldError>> {
    let Value::Array(items) = value else {
        return Err(vec![FieldError::new(field, "must be a list of messages")]);
    };
    if items.is_empty() || items.len() > MAX_MESSAGES {
        return Err(vec![FieldError::new(field, format!("must hold 1 to {MAX_MESSAGES} messages"))]);
    }
    let mut errors = Vec::new();
    let mut messages = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match read_message(&format!("{field}[{index}]"), item, forms) {
            Ok(message) => messages.push(message),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() {
        errors.extend(check_messages(field, &messages));
    }
    if errors.is_empty() { Ok(messages) } else { Err(errors) }
}

/// What is wrong with messages as a whole, each of them being right.
pub(crate) fn check_messages(field: &str, messages: &[Message]) -> Option<FieldError> {
    let images = messages.iter().flat_map(|m| &m.parts).filter(|part| matches!(part, Part::Image(_))).count();
    if images > MAX_IMAGES {
        return Some(FieldError::new(field, format!("must hold at most {MAX_IMAGES} images")));
    }
    let has_user = messages.iter().any(|message| message.role == Role::User);
    (!has_user).then(|| FieldError::new(field, "must hold at least one message of role user"))
}

fn read_message(field: &str, value: &Value, forms: &[ImageForm]) -> Result<Message, Vec<FieldError>> {
    let Value::Object(object) = value else {
        return Err(vec![FieldError::new(field, "must be an object with role and content")]);
    };
    let mut errors = unknown_keys(field, object, &["role", "content"]);
    let role = object.get("role").and_then(Value::as_str).and_then(Role::parse);
    if role.is_none() {
        let error = FieldError::new(format!("{field}.role"), "is not a role");
        errors.push(error.allowing(["system", "user", "assistant"]));
    }
    let content = format!("{field}.content");
    let parts = match object.get("content") {
        Some(Value::String(text)) if !text.is_empty() => Ok(vec![Part::Text(text.clone())]),
        Some(Value::Array(items)) if !items.is_empty() => read_parts(&content, items, forms),
        _ => Err(vec![FieldError::new(content, "must be a non-empty string or list of parts")]),
    };
    match (role, parts) {
        (Some(role), Ok(parts)) if errors.is_empty() => {
            if role != Role::User && parts.iter().any(|part| matches!(part, Part::Image(_))) {
                return Err(vec![FieldError::new(field, "only a user's message can hold images")]);
            }
            Ok(Message { role, parts })
        }
        (_, parts) => {
            errors.extend(parts.err().into_iter().flatten());
            Err(errors)
        }
    }
}

fn read_parts(field: &str, items: &[Value], forms: &[ImageForm]) -> Result<Vec<Part>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match read_part(&format!("{field}[{index}]"), item, forms) {
            Ok(part) => parts.push(part),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(parts) } else { Err(errors) }
}

fn read_part(field: &str, value: &Value, forms: &[ImageForm]) -> Result<Part, Vec<FieldError>> {
    let object =
        value.as_object().ok_or_else(|| vec![FieldError::new(field, "must be an object with type")])?;
    match object.get("type").and_then(Value::as_str) {
        Some("text") => {
            let errors = unknown_keys(field, object, &["type", "text"]);
            match object.get("text").and_then(Value::as_str) {
                Some(text) if !text.is_empty() && errors.is_empty() => Ok(Part::Text(text.to_owned())),
                Some(text) if !text.is_empty() => Err(errors),
                _ => Err(vec![FieldError::new(format!("{field}.text"), "must be a non-empty string")]),
            }
        }
        Some("image_url") => {
            let errors = unknown_keys(field, object, &["type", "image_url"]);
            if !errors.is_empty() {
                return Err(errors);
            }
            let image_url = object.get("image_url");
            let nested = image_url.and_then(Value::as_object);
            let errors = nested.map(|o| unknown_keys(&format!("{field}.image_url"), o, &["url"]));
            if let Some(errors) = errors.filter(|errors| !errors.is_empty()) {
                return Err(errors);
            }
            let url = nested.map_or(image_url, |object| object.get("url")).and_then(Value::as_str);
            let field = format!("{field}.image_url");
            let image = Image::parse(url.unwrap_or_default())
                .map_err(|message| vec![FieldError::new(&field, message)])?;
            match check_image(&field, &image, forms) {
                Some(wrong) => Err(vec![wrong]),
                None => Ok(Part::Image(image)),
            }
        }
        _ => {
            let error = FieldError::new(format!("{field}.type"), "is not a type of part");
            Err(vec![error.allowing(["text", "image_url"])])
        }
    }
}

/// An image in a form that the model does not take.
pub(crate) fn check_image(field: &str, image: &Image, forms: &[ImageForm]) -> Option<FieldError> {
    let error = || FieldError::new(field, "this model does not take images in this form");
    (!forms.contains(&image.form())).then(|| {
        error().allowing(forms.iter().map(|form| match form {
            ImageForm::Url => "http(s) URL",
            ImageForm::Data => "data URL",
        }))
    })
}

fn unknown_keys(field: &str, object: &Map<String, Value>, known: &[&str]) -> Vec<FieldError> {
    let unknown = object.keys().filter(|key| !known.contains(&key.as_str()));
    unknown
        .map(|key| {
            FieldError::new(format!("{field}.{key}"), "is not known here").allowing(known.iter().copied())
        })
        .collect()
}
