//! Conversations: what a text model is asked.

mod options;
mod read;

pub use options::{
    Chat, ChatOptions, FunctionCall, JsonSchema, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult,
};
pub use read::read_messages;
pub(crate) use read::{check_image, check_messages};

use crate::params::Milli;
use serde::{Deserialize, Serialize};

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
    /// The client, with the results of functions that the model had asked for.
    Tool,
}

impl Role {
    /// Its name on our wire, which most vendors share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }

    /// The roles of our own wire, on which there are no functions to call.
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

    /// Reads an address or a data URL.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(url: &str) -> Result<Self, String> {
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
    /// A function that the model asked to have called.
    ToolCall(ToolCall),
    /// What such a call gave.
    ToolResult(ToolResult),
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

    /// Whether it holds a picture.
    pub fn has_image(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Image(_)))
    }

    /// Its words, joined.
    pub fn words(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) => None,
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
                Part::ToolCall(call) => call.input_chars(),
                Part::ToolResult(result) => result.input_chars(),
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
    /// The conversation; no `system` turns, and at least one of the user's.
    pub messages: Vec<Message>,
    /// Ceiling on the vendor's output in its own tokens, always sent.
    pub max_output_tokens: i64,
    /// Sampling temperature, where the client named one.
    pub temperature: Option<Milli>,
    /// Nucleus sampling, where the client named it.
    pub top_p: Option<Milli>,
    /// What is asked for beside words.
    pub options: ChatOptions,
}
