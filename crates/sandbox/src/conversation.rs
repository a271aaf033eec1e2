//! Conversations: four of the five vendors write them as roles and content, with other words for the details.

use crate::{
    answer::count_words,
    fields::Object,
    tools::read_name,
    trouble::{Invalid, Why},
};
use serde_json::Value;

/// Characters of the id of a call.
const MAX_ID_CHARS: usize = 40;

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
    /// What the user said last, and what functions gave since.
    pub(crate) prompt: String,
    /// Words of all messages.
    pub(crate) words: usize,
    /// Whether it ends with what functions gave.
    pub(crate) has_results: bool,
    /// Whether it speaks of JSON, without which some vendors do not answer in it.
    pub(crate) says_json: bool,
}

impl Conversation {
    /// Takes in what somebody said.
    pub(crate) fn hear(&mut self, is_user: bool, said: String) {
        self.count(&said);
        self.has_results = false;
        // A turn may hold nothing but what functions gave, or pictures.
        if is_user && !said.is_empty() {
            self.prompt = said;
        }
    }

    /// Takes in what a function gave.
    pub(crate) fn hear_result(&mut self, said: &str) {
        self.count(said);
        self.has_results = true;
        self.prompt.push(' ');
        self.prompt.push_str(said);
    }

    fn count(&mut self, said: &str) {
        self.words = self.words.saturating_add(count_words(said));
        self.says_json |= said.to_lowercase().contains("json");
    }
}

/// The calls whose results have not come. A message that asks for calls must be followed by all of them.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(Vec<String>);

impl OpenCalls {
    /// Opens a call.
    pub(crate) fn open(&mut self, id: &str) {
        self.0.push(id.to_owned());
    }

    /// Closes the call that field `name` has the id of.
    pub(crate) fn close(&mut self, result: &Object<'_>, name: &str) -> Result<(), Invalid> {
        let id = result.require_text(name)?;
        match self.0.iter().position(|open| open == id) {
            Some(at) => {
                self.0.remove(at);
                Ok(())
            }
            None => {
                let message = format!("No tool call found for the result with id '{id}'.");
                Err(result.wrong(name, Why::Other(message)))
            }
        }
    }

    /// Refuses to go on while a result is missing.
    pub(crate) fn check_closed(&self, object: &Object<'_>, name: &str) -> Result<(), Invalid> {
        let Some(id) = self.0.first() else { return Ok(()) };
        let message = format!("No result found for the tool call with id '{id}'.");
        Err(object.wrong(name, Why::Other(message)))
    }

    /// Reads `tool_calls`, and says whether there are any.
    fn read(&mut self, message: &Object<'_>) -> Result<bool, Invalid> {
        const NAME: &str = "tool_calls";
        if message.get(NAME).is_none() {
            return Ok(false);
        }
        for (index, item) in message.require_list(NAME)?.iter().enumerate() {
            let call = Object::at(format!("{}[{index}]", message.path(NAME)), item)?;
            call.require_text("type")?;
            call.one_of("type", &["function"])?;
            let function = call.object("function")?.ok_or_else(|| call.wrong("function", Why::Missing))?;
            read_name(&function, "name")?;
            function.require("arguments")?;
            function.text("arguments")?;
            self.open(call.require_text_within("id", MAX_ID_CHARS)?);
        }
        Ok(true)
    }
}

impl Dialect {
    /// Reads the list of messages in field `name`.
    pub(crate) fn read(&self, body: &Object<'_>, name: &str) -> Result<Conversation, Invalid> {
        let mut conversation = Conversation::default();
        let mut open = OpenCalls::default();
        for (index, item) in body.require_list(name)?.iter().enumerate() {
            let message = Object::at(format!("{}[{index}]", body.path(name)), item)?;
            self.read_message(&message, &mut conversation, &mut open)?;
        }
        open.check_closed(body, name)?;
        Ok(conversation)
    }

    /// Takes in one message.
    pub(crate) fn read_message(
        &self,
        message: &Object<'_>,
        conversation: &mut Conversation,
        open: &mut OpenCalls,
    ) -> Result<(), Invalid> {
        message.require_text("role")?;
        let role = message.one_of("role", self.roles)?.unwrap_or_default();
        if role == "tool" {
            open.close(message, "tool_call_id")?;
            // A function may give nothing.
            let is_silent = message.get("content").is_some_and(|content| content == "");
            let said = if is_silent { String::new() } else { self.content(message, "content")? };
            conversation.hear_result(&said);
            return Ok(());
        }
        open.check_closed(message, "role")?;
        let has_calls = role == "assistant" && open.read(message)?;
        // A turn in which the model only called functions has no content.
        if message.get("content").is_some() || !has_calls {
            conversation.hear(role == "user", self.content(message, "content")?);
        }
        Ok(())
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
