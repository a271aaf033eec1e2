//! Conversations: what a text model is asked.

use crate::params::{FieldError, Milli};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Messages in one request, at most.
pub const MAX_MESSAGES: usize = 1_000;
/// Images in one request, at most.
pub const MAX_IMAGES: usize = 16;
/// What one image counts against a model's `max_input_chars`: vendors bill a picture at up to about 2,000
/// of their tokens, which is what we reckon for a thousand characters at worst.
pub const IMAGE_COUNTS_AS_CHARS: i64 = 1_000;
/// Bytes of an address, at most.
pub(crate) const MAX_URL_CHARS: usize = 2_048;
const IMAGE_MEDIA_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Who speaks. What `system` says is kept apart, in [`TextInput::system`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions to the model.
    System,
    /// The client.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

impl Role {
    /// Its name on our wire, which most vendors share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::System, Self::User, Self::Assistant].into_iter().find(|role| role.name() == name)
    }
}

/// A form in which a picture may stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageForm {
    /// An `https` or `http` address that the vendor fetches.
    Url,
    /// A `data:` URL with the bytes in base64.
    Data,
}

/// A picture in a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Image {
    /// Fetched by the vendor.
    Url(String),
    /// Carried in the request.
    Data {
        /// One of PNG, JPEG, GIF and WebP.
        media_type: String,
        /// The bytes.
        base64: String,
    },
}

impl Image {
    fn form(&self) -> ImageForm {
        match self {
            Self::Url(_) => ImageForm::Url,
            Self::Data { .. } => ImageForm::Data,
        }
    }

    fn parse(url: &str) -> Result<Self, String> {
        if let Some(data) = url.strip_prefix("data:") {
            let (media_type, base64) =
                data.split_once(";base64,").ok_or("a data URL must be `data:<media type>;base64,<bytes>`")?;
            let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
            if !IMAGE_MEDIA_TYPES.contains(&media_type) {
                return Err(format!("an image must be one of {}", IMAGE_MEDIA_TYPES.join(", ")));
            }
            if base64.is_empty() || !base64.bytes().all(is_base64) {
                return Err("the bytes of a data URL must be base64".to_owned());
            }
            return Ok(Self::Data { media_type: media_type.to_owned(), base64: base64.to_owned() });
        }
        if !is_http_url(url) {
            return Err(format!(
                "must be an http(s) URL of at most {MAX_URL_CHARS} characters, or a data URL"
            ));
        }
        Ok(Self::Url(url.to_owned()))
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Image),
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty.
    pub parts: Vec<Part>,
}

impl Message {
    /// A turn of words alone.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())] }
    }

    /// Its words, joined.
    pub fn words(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Image(_) => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }

    /// What it counts against `max_input_chars`.
    pub fn input_chars(&self) -> i64 {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => count_chars(text),
                Part::Image(_) => IMAGE_COUNTS_AS_CHARS,
            })
            .fold(0, i64::saturating_add)
    }
}

/// Whether this can be the address of an input: not too long, and nothing in it that breaks a line or a header.
pub(crate) fn is_http_url(url: &str) -> bool {
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    is_http && url.len() <= MAX_URL_CHARS && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Characters (Unicode scalar values) of a text.
pub fn count_chars(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// A text model's question, ready for a vendor's adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextInput {
    /// Instructions, all in one.
    pub system: Option<String>,
    /// The conversation; only `user` and `assistant` turns, at least one.
    pub messages: Vec<Message>,
    /// Ceiling on the vendor's output in its own tokens, always sent.
    pub max_output_tokens: i64,
    /// Sampling temperature, where the client named one.
    pub temperature: Option<Milli>,
    /// Nucleus sampling, where the client named it.
    pub top_p: Option<Milli>,
}

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
    let images = messages.iter().flat_map(|m| &m.parts).filter(|part| matches!(part, Part::Image(_))).count();
    if images > MAX_IMAGES {
        errors.push(FieldError::new(field, format!("must hold at most {MAX_IMAGES} images")));
    }
    if errors.is_empty() && !messages.iter().any(|message| message.role == Role::User) {
        errors.push(FieldError::new(field, "must hold at least one message of role user"));
    }
    if errors.is_empty() { Ok(messages) } else { Err(errors) }
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
            if forms.contains(&image.form()) {
                return Ok(Part::Image(image));
            }
            let error = FieldError::new(field, "this model does not take images in this form");
            Err(vec![error.allowing(forms.iter().map(|form| match form {
                ImageForm::Url => "http(s) URL",
                ImageForm::Data => "data URL",
            }))])
        }
        _ => {
            let error = FieldError::new(format!("{field}.type"), "is not a type of part");
            Err(vec![error.allowing(["text", "image_url"])])
        }
    }
}

fn unknown_keys(field: &str, object: &Map<String, Value>, known: &[&str]) -> Vec<FieldError> {
    let unknown = object.keys().filter(|key| !known.contains(&key.as_str()));
    unknown
        .map(|key| {
            FieldError::new(format!("{field}.{key}"), "is not known here").allowing(known.iter().copied())
        })
        .collect()
}
