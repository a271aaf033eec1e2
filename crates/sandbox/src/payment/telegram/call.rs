//! A call of a method: its name and its parameters, which may stand in the URL, in a form, or in JSON.

use super::error::Refusal;
use crate::{form::Content, payment::query, trouble::Trouble};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

/// A call.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Its name, in small letters: Telegram does not look at the case.
    pub(super) method: String,
    parameters: Map<String, Value>,
}

impl Call {
    /// A call with JSON parameters.
    pub(super) fn new(method: &str, parameters: Map<String, Value>) -> Self {
        Self { method: method.to_ascii_lowercase(), parameters }
    }

    /// Reads a call to `/<bot>/<method>`.
    pub(super) async fn read(
        (bot, method): (&str, &str),
        query: Option<&str>,
        headers: &HeaderMap,
        body: Result<bytes::Bytes, Trouble>,
    ) -> Result<Self, Refusal> {
        if !is_bot(bot) {
            return Err(Trouble::NoRoute.into());
        }
        let mut parameters = words(query.unwrap_or_default());
        let body = body?;
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            parameters.extend(words(&String::from_utf8_lossy(&body)));
        } else if !body.is_empty() {
            let said = match Content::read(headers, body).await? {
                Content::Form(form) => form.values(&[]),
                json @ Content::Other(_) => json.json()?,
            };
            let Value::Object(said) = said else { return Err(Refusal::bad("can't parse parameters")) };
            parameters.extend(said);
        }
        Ok(Self::new(method, parameters))
    }

    /// A string; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A string that must be there.
    pub(super) fn require_text(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A whole number, which may stand in a string.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().or_else(|| value.as_str()?.parse().ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(Refusal::bad(&format!("parameter \"{name}\" must be an integer"))),
            },
        }
    }

    /// A whole number that must be there.
    pub(super) fn require_integer(&self, name: &str) -> Result<i64, Refusal> {
        self.integer(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// `true` or `false`, which may stand in a string, and must be there.
    pub(super) fn require_flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Err(Refusal::missing(name)),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if ["true", "True", "1"].contains(&text.as_str()) => Ok(true),
            Some(Value::String(text)) if ["false", "False", "0"].contains(&text.as_str()) => Ok(false),
            Some(_) => Err(Refusal::bad(&format!("parameter \"{name}\" must be a boolean"))),
        }
    }

    /// A list, which may stand in a string as JSON.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<Value>>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items.clone())),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(items) => Ok(Some(items)),
                Err(_) => Err(Refusal::bad(&format!("can't parse {name} JSON object"))),
            },
            Some(_) => Err(Refusal::bad(&format!("object expected as {name}"))),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name).filter(|value| !value.is_null())
    }
}

/// Whether a path names a bot: `bot`, digits, a colon, and a secret.
fn is_bot(path: &str) -> bool {
    let Some((id, secret)) = path.strip_prefix("bot").and_then(|token| token.split_once(':')) else {
        return false;
    };
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id
        && !secret.is_empty()
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn words(encoded: &str) -> Map<String, Value> {
    query::pairs(encoded).into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}
