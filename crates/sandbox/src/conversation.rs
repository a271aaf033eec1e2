//! Conversations: four of the five vendors write them as roles and content, with other words for the details.

use crate::{
    answer::count_words,
    fields::Object,
    trouble::{Invalid, Why},
};
use serde_json::Value;

/// How a vendor writes a conversation.
pub(crate) struct Dialect {
    /// Who may speak.
    pub(crate) roles: &'static [&'static str],
    /// What a message may hold beside a plain string.
    pub(crate) parts: &'static [Part],
}

/// A kind of content part.
pub(crate) struct Part {
    /// Its `type`.
    pub(crate) kind: &'static str,
    /// Checks it, and gives the words in it.
    pub(crate) read: for<'a> fn(&Object<'a>) -> Result<&'a str, Invalid>,
}

/// What matters of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// What the user said last.
    pub(crate) prompt: String,
    /// Words of all messages.
    pub(crate) words: usize,
}

impl Conversation {
    /// Takes in what somebody said.
    pub(crate) fn hear(&mut self, is_user: bool, said: String) {
        self.words = self.words.saturating_add(count_words(&said));
        if is_user {
            self.prompt = said;
        }
    }
}

impl Dialect {
    /// Reads the list of messages in field `name`.
    pub(crate) fn read(&self, body: &Object<'_>, name: &str) -> Result<Conversation, Invalid> {
        let mut conversation = Conversation::default();
        for (index, item) in body.require_list(name)?.iter().enumerate() {
            let message = Object::at(format!("{}[{index}]", body.path(name)), item)?;
            message.require_text("role")?;
            let role = message.one_of("role", self.roles)?.unwrap_or_default();
            // A turn in which the model only called tools has no content.
            let is_tool_call = role == "assistant" && message.get("tool_calls").is_some();
            if message.get("content").is_some() || !is_tool_call {
                conversation.hear(role == "user", self.content(&message, "content")?);
            }
        }
        Ok(conversation)
    }

    /// Reads content: a string or a list of parts.
    pub(crate) fn content(&self, message: &Object<'_>, name: &str) -> Result<String, Invalid> {
        match message.require(name)? {
            Value::String(text) if text.is_empty() => Err(message.wrong(name, Why::Empty)),
            Value::String(text) => Ok(text.clone()),
            Value::Array(_) => self.parts(message, name),
            _ => Err(message.wrong(name, Why::WrongType("a string or an array"))),
        }
    }

    fn parts(&self, message: &Object<'_>, name: &str) -> Result<String, Invalid> {
        let mut words = Vec::new();
        for (index, item) in message.require_list(name)?.iter().enumerate() {
            let object = Object::at(format!("{}[{index}]", message.path(name)), item)?;
            let kind = object.require_text("type")?;
            let Some(part) = self.parts.iter().find(|part| part.kind == kind) else {
                return Err(object.wrong("type", Why::Other(self.unknown_part(kind))));
            };
            words.push((part.read)(&object)?);
        }
        words.retain(|text| !text.is_empty());
        Ok(words.join("\n"))
    }

    fn unknown_part(&self, kind: &str) -> String {
        let kinds: Vec<String> = self.parts.iter().map(|part| format!("'{}'", part.kind)).collect();
        format!("Invalid value: '{kind}'. Supported values are: {}.", kinds.join(", "))
    }
}

/// A part of words, in field `text`.
pub(crate) fn text_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    part.require_text("text")
}

/// A part of which nothing is checked, because no adapter sends it yet.
pub(crate) fn silent_part<'a>(_: &Object<'a>) -> Result<&'a str, Invalid> {
    Ok("")
}
