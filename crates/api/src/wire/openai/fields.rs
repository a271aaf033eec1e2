//! Reading an object field by field: what is wrong is remembered, and what nobody asked for is refused by its name.

use domain::params::FieldError;
use serde_json::{Map, Value};

/// An object that is being read. A field that is `null` counts as absent, as it does at OpenAI.
pub(crate) struct Fields<'a> {
    path: String,
    map: Map<String, Value>,
    errors: &'a mut Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The fields of a whole body.
    pub(crate) fn new(map: Map<String, Value>, errors: &'a mut Vec<FieldError>) -> Self {
        Self { path: String::new(), map, errors }
    }

    /// The fields of the object at `path`.
    pub(crate) fn at(path: String, value: Value, errors: &'a mut Vec<FieldError>) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { path, map, errors }),
            _ => {
                errors.push(FieldError::new(path, "must be an object"));
                None
            }
        }
    }

    /// Where a field of it is.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Remembers an error.
    pub(crate) fn push(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Remembers what is wrong with a field.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let error = FieldError::new(self.path(name), message);
        self.push(error);
    }

    /// Where errors go, for those who read deeper.
    pub(crate) fn errors(&mut self) -> &mut Vec<FieldError> {
        self.errors
    }

    /// Whether there is a field with something in it.
    pub(crate) fn says(&self, name: &str) -> bool {
        match self.map.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// A field of any kind.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// A string.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(name, "must be a string");
                None
            }
        }
    }

    /// A string that must be there, and say something.
    pub(crate) fn require_text(&mut self, name: &str) -> Option<String> {
        match self.take(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => {
                self.wrong(name, "must be a non-empty string");
                None
            }
        }
    }

    /// A name as OpenAI takes them: 1 to `max` letters, digits, `_` and `-`.
    pub(crate) fn require_name(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.require_text(name)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.len() <= max && text.bytes().all(is_plain) {
            return Some(text);
        }
        self.wrong(name, format!("must be 1 to {max} letters, digits, underscores and hyphens"));
        None
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                let error = FieldError::new(self.path(name), "must be true or false");
                self.push(error.allowing(["true", "false"]));
                false
            }
        }
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) => Some(items),
            _ => {
                self.wrong(name, "must be a list");
                None
            }
        }
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str) -> Option<Fields<'_>> {
        let (path, value) = (self.path(name), self.take(name)?);
        Fields::at(path, value, self.errors)
    }

    /// A field that may only say what counts without it.
    pub(crate) fn only(&mut self, name: &str, value: &Value) {
        if self.take(name).is_some_and(|given| given != *value) {
            let error = FieldError::new(self.path(name), "is taken with this value alone");
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.push(error.allowing([value]));
        }
    }

    /// Fields that say nothing to us.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// All that is known has been read: what is left is refused.
    pub(crate) fn finish(mut self) {
        let left = std::mem::take(&mut self.map).into_iter().filter(|(_, value)| !value.is_null());
        for (name, _) in left {
            self.wrong(&name, "is not supported here");
        }
    }
}
