//! Reading a client's parameters against a model.

use super::{Category, Model};
use crate::{
    params::{FieldError, ParamValue, Params},
    text::{Message, Role, TextInput},
};
use serde_json::{Map, Value};

/// What parameters are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A price: content such as the prompt may be missing.
    Quote,
    /// A generation: everything required must be there.
    Generate,
}

impl Model {
    /// Reads `given` against what this model takes, and completes it with defaults. A `null` counts as absent.
    ///
    /// # Errors
    /// Every wrong field at once, each with what is allowed.
    pub fn read_params(
        &self,
        given: &Map<String, Value>,
        purpose: Purpose,
    ) -> Result<Params, Vec<FieldError>> {
        let mut params = Params::default();
        let mut errors = Vec::new();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            match self.params.get(name) {
                Some(spec) => match spec.read(name, value) {
                    Ok(value) => {
                        params.values.insert(name.clone(), value);
                    }
                    Err(wrong) => errors.extend(wrong),
                },
                None => {
                    let message = format!("{} has no such parameter", self.slug);
                    errors.push(FieldError::new(name, message).allowing(self.params.keys()));
                }
            }
        }
        for group in &self.at_most_one_of {
            let named: Vec<&String> = group.iter().filter(|name| params.values.contains_key(*name)).collect();
            if let [_, second, ..] = named.as_slice() {
                let message = format!("only one of {} can be set", group.join(", "));
                errors.push(FieldError::new(second.as_str(), message));
            }
        }
        if purpose == Purpose::Generate {
            errors.extend(self.missing(given));
        }
        if self.category == Category::Text {
            errors.extend(self.wrong_conversation(given, purpose));
        }
        errors.extend(self.too_long(&params));
        for (name, spec) in &self.params {
            if !params.values.contains_key(name)
                && let Some(value) = spec.default_value()
            {
                params.values.insert(name.clone(), value);
            }
        }
        if errors.is_empty() { Ok(params) } else { Err(errors) }
    }

    fn missing(&self, given: &Map<String, Value>) -> Vec<FieldError> {
        let is_given = |name: &String| given.get(name).is_some_and(|value| !value.is_null());
        let missing = self.params.iter().filter(|(name, spec)| spec.is_required() && !is_given(name));
        missing.map(|(name, _)| FieldError::new(name, format!("{} needs it", self.slug))).collect()
    }

    fn wrong_conversation(&self, given: &Map<String, Value>, purpose: Purpose) -> Option<FieldError> {
        let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
        match (is_given("prompt"), is_given("messages")) {
            (true, true) => Some(FieldError::new("messages", "send either prompt or messages, not both")),
            (false, false) if purpose == Purpose::Generate => {
                Some(FieldError::new("prompt", "send prompt or messages"))
            }
            _ => None,
        }
    }

    /// What counts against `max_input_chars`, when it is too much.
    fn too_long(&self, params: &Params) -> Option<FieldError> {
        let limit = self.limits.max_input_chars?;
        let messages = params.messages("messages").unwrap_or_default().iter().map(Message::input_chars);
        let chars = messages.fold(self.chars_of_prose(params), i64::saturating_add);
        let names = ["messages", "text"].into_iter().find(|name| params.values.contains_key(*name));
        let message = format!("the input counts {chars} characters; {} takes {limit}", self.slug);
        let error = FieldError::new(names.unwrap_or("prompt"), message).allowing([format!("0..{limit}")]);
        (chars > limit).then_some(error)
    }

    /// The question that `params` put to this text model. System messages join the instructions.
    pub fn text_input(&self, params: &Params) -> TextInput {
        let mut instructions: Vec<String> = params.text("system").map(str::to_owned).into_iter().collect();
        let mut messages = Vec::new();
        if let Some(prompt) = params.text("prompt") {
            messages.push(Message::text(Role::User, prompt));
        }
        for message in params.messages("messages").unwrap_or_default() {
            match message.role {
                Role::System => instructions.push(message.words()),
                Role::User | Role::Assistant => messages.push(message.clone()),
            }
        }
        TextInput {
            system: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
            messages,
            max_output_tokens: params.integer("max_tokens").unwrap_or(1),
            temperature: params.decimal("temperature"),
            top_p: params.decimal("top_p"),
        }
    }
}

impl Params {
    /// The words of the request, for its record: the prompt, or the last thing the user said.
    pub fn subject(&self) -> Option<String> {
        let messages = self.messages("messages").unwrap_or_default();
        let last = messages.iter().rev().find(|message| message.role == Role::User);
        self.text("prompt").map(str::to_owned).or_else(|| last.map(Message::words))
    }

    /// Every value that was read, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}
