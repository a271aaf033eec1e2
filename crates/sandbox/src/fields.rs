//! Reading a JSON body field by field, so that the first wrong one can be named.

use crate::trouble::{Invalid, Trouble, Why};
use serde_json::{Map, Value};

/// Parses a body.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(body).map_err(|error| Trouble::NotJson(error.to_string()))
}

/// A JSON object and where it stands. A field that is `null` counts as absent, as it does at all these vendors.
#[derive(Clone, Debug)]
pub(crate) struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The object at `path`, which is empty for a whole body.
    pub(crate) fn at(path: impl Into<String>, value: &'a Value) -> Result<Self, Invalid> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err(Invalid::new(path, Why::WrongType("an object"))),
        }
    }

    /// Where a field of it stands.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error about one of its fields.
    pub(crate) fn wrong(&self, name: &str, why: Why) -> Invalid {
        Invalid::new(self.path(name), why)
    }

    /// A field of any kind.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A field of any kind that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&'a Value, Invalid> {
        self.get(name).ok_or_else(|| self.wrong(name, Why::Missing))
    }

    /// Refuses fields that are not in `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Invalid> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(self.wrong(name, Why::Unknown)),
            None => Ok(()),
        }
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Invalid> {
        self.read(name, "a string", Value::as_str)
    }

    /// A string that must be there and say something.
    pub(crate) fn require_text(&self, name: &str) -> Result<&'a str, Invalid> {
        self.require(name)?;
        match self.text(name)? {
            None | Some("") => Err(self.wrong(name, Why::Empty)),
            Some(text) => Ok(text),
        }
    }

    /// A string of at most `max` characters that must be there and say something.
    pub(crate) fn require_text_within(&self, name: &str, max: usize) -> Result<&'a str, Invalid> {
        let text = self.require_text(name)?;
        match text.chars().count() {
            got if got > max => Err(self.wrong(name, Why::TooLong { got, max })),
            _ => Ok(text),
        }
    }

    /// One of a few words.
    pub(crate) fn one_of(
        &self,
        name: &str,
        allowed: &'static [&'static str],
    ) -> Result<Option<&'a str>, Invalid> {
        match self.text(name)? {
            Some(got) if !allowed.contains(&got) => {
                Err(self.wrong(name, Why::NotOneOf { got: got.to_owned(), allowed }))
            }
            found => Ok(found),
        }
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Invalid> {
        Ok(self.read(name, "a boolean", Value::as_bool)?.unwrap_or(false))
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, Invalid> {
        self.get(name).map(|value| Self::at(self.path(name), value)).transpose()
    }

    /// A list that must be there and hold something.
    pub(crate) fn require_list(&self, name: &str) -> Result<&'a [Value], Invalid> {
        self.require(name)?;
        match self.read(name, "an array", |value| value.as_array().map(Vec::as_slice))? {
            None | Some([]) => Err(self.wrong(name, Why::Empty)),
            Some(items) => Ok(items),
        }
    }

    /// A whole number of at least `min`.
    pub(crate) fn integer(&self, name: &str, min: i64) -> Result<Option<i64>, Invalid> {
        match self.read(name, "an integer", Value::as_i64)? {
            Some(got) if got < min => {
                Err(self.wrong(name, Why::Below { got: got.to_string(), min: min.to_string() }))
            }
            found => Ok(found),
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer_within(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Invalid> {
        match self.integer(name, min)? {
            Some(got) if got > max => {
                Err(self.wrong(name, Why::Above { got: got.to_string(), max: max.to_string() }))
            }
            found => Ok(found),
        }
    }

    /// A ceiling on words: a whole number of at least `min`.
    pub(crate) fn ceiling(&self, name: &str, min: i64) -> Result<Option<usize>, Invalid> {
        Ok(self.integer(name, min)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
    }

    /// A number from `min` to `max`.
    pub(crate) fn decimal(&self, name: &str, min: f64, max: f64) -> Result<Option<f64>, Invalid> {
        match self.read(name, "a number", Value::as_f64)? {
            Some(got) if got < min => {
                Err(self.wrong(name, Why::Below { got: got.to_string(), min: min.to_string() }))
            }
            Some(got) if got > max => {
                Err(self.wrong(name, Why::Above { got: got.to_string(), max: max.to_string() }))
            }
            found => Ok(found),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(name, Why::WrongType(expected)))
    }
}
