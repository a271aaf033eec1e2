//! Reading a client's parameters against a model.

use super::{Category, Model};
use crate::{
    params::{FieldError, ParamSpec, ParamValue, Params},
    text::{ChatOptions, Message, Part, Role, TextInput, check_image, check_messages},
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
        self.read(Params::default(), &ChatOptions::default(), given, purpose)
    }

    /// Reads what is `given` beside a conversation that has been read already, and holds both against what this model
    /// takes.
    ///
    /// # Errors
    /// As [`Self::read_params`].
    pub fn read_chat(
        &self,
        messages: Vec<Message>,
        options: &ChatOptions,
        given: &Map<String, Value>,
    ) -> Result<Params, Vec<FieldError>> {
        const NAME: &str = "messages";
        let Some(ParamSpec::Messages { images: forms }) = self.params.get(NAME) else {
            let message = format!("{} is no model for conversations", self.slug);
            return Err(vec![FieldError::new("model", message)]);
        };
        let mut errors: Vec<FieldError> = check_messages(NAME, &messages).into_iter().collect();
        for (at, message) in messages.iter().enumerate() {
            let images = message.parts.iter().enumerate().filter_map(|(index, part)| match part {
                Part::Image(image) => Some((format!("{NAME}[{at}].content[{index}].image_url"), image)),
                _ => None,
            });
            errors.extend(images.filter_map(|(field, image)| check_image(&field, image, forms)));
        }
        let mut params = Params::default();
        params.values.insert(NAME.to_owned(), ParamValue::Messages(messages));
        match self.read(params, options, given, Purpose::Generate) {
            Ok(params) if errors.is_empty() => Ok(params),
            read => {
                errors.extend(read.err().into_iter().flatten());
                Err(errors)
            }
        }
    }

    /// Adds what is `given` to `params`, of which each is right by itself.
    fn read(
        &self,
        mut params: Params,
        options: &ChatOptions,
        given: &Map<String, Value>,
        purpose: Purpose,
    ) -> Result<Params, Vec<FieldError>> {
        let mut errors = Vec::new();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            match self.params.get(name) {
                Some(spec) => {
                    match spec.read(name, value).map_err(|wrong| self.told(name, spec, value, wrong)) {
                        Ok(value) => {
                            params.values.insert(name.clone(), value);
                        }
                        Err(wrong) => errors.extend(wrong),
                    }
                }
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
            errors.extend(self.wrong_conversation(&params, given, purpose));
        }
        errors.extend(self.too_long(&params, options));
        for (name, spec) in &self.params {
            if !params.values.contains_key(name)
                && let Some(value) = spec.default_value()
            {
                params.values.insert(name.clone(), value);
            }
        }
        if errors.is_empty() { Ok(params) } else { Err(errors) }
    }

    /// What is wrong with a text that is longer than its vendor takes: the limit to keep to may be a lower one of ours.
    fn told(&self, name: &str, spec: &ParamSpec, value: &Value, wrong: Vec<FieldError>) -> Vec<FieldError> {
        let (ParamSpec::Text { max_chars, required }, Some(limit)) = (spec, self.limits.max_input_chars)
        else {
            return wrong;
        };
        let spec = ParamSpec::Text { max_chars: limit.min(*max_chars), required: *required };
        spec.read(name, value).err().unwrap_or(wrong)
    }

    fn missing(&self, given: &Map<String, Value>) -> Vec<FieldError> {
        let is_given = |name: &String| given.get(name).is_some_and(|value| !value.is_null());
        let missing = self.params.iter().filter(|(name, spec)| spec.is_required() && !is_given(name));
        missing.map(|(name, _)| FieldError::new(name, format!("{} needs it", self.slug))).collect()
    }

    fn wrong_conversation(
        &self,
        params: &Params,
        given: &Map<String, Value>,
        purpose: Purpose,
    ) -> Option<FieldError> {
        let is_given = |name: &str| {
            params.values.contains_key(name) || given.get(name).is_some_and(|value| !value.is_null())
        };
        match (is_given("prompt"), is_given("messages")) {
            (true, true) => Some(FieldError::new("messages", "send either prompt or messages, not both")),
            (false, false) if purpose == Purpose::Generate => {
                Some(FieldError::new("prompt", "send prompt or messages"))
            }
            _ => None,
        }
    }

    /// What counts against `max_input_chars`, when it is too much.
    fn too_long(&self, params: &Params, options: &ChatOptions) -> Option<FieldError> {
        let limit = self.limits.max_input_chars?;
        let messages = params.messages("messages").unwrap_or_default().iter().map(Message::input_chars);
        let others = self.chars_of_prose(params).saturating_add(options.input_chars());
        let chars = messages.fold(others, i64::saturating_add);
        let names = ["messages", "text"].into_iter().find(|name| params.values.contains_key(*name));
        let message = format!("the input counts {chars} characters; {} takes {limit}", self.slug);
        let error = FieldError::new(names.unwrap_or("prompt"), message).allowing([format!("0..{limit}")]);
        (chars > limit).then_some(error)
    }

    /// The question that `params` put to this text model, for words alone. System messages join the instructions.
    pub fn text_input(&self, params: &Params) -> TextInput {
        let mut instructions: Vec<String> = params.text("system").map(str::to_owned).into_iter().collect();
        let mut messages = Vec::new();
        if let Some(prompt) = params.text("prompt") {
            messages.push(Message::text(Role::User, prompt));
        }
        for message in params.messages("messages").unwrap_or_default() {
            match message.role {
                Role::System => instructions.push(message.words()),
                Role::User | Role::Assistant | Role::Tool => messages.push(message.clone()),
            }
        }
        TextInput {
            system: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
            messages,
            max_output_tokens: params.integer("max_tokens").unwrap_or(1),
            temperature: params.decimal("temperature"),
            top_p: params.decimal("top_p"),
            options: ChatOptions::default(),
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
