//! Functions that a request offers, and the form of answer that it wants.

use crate::{
    fields::Object,
    trouble::{Invalid, Why},
};
use serde_json::{Map, Value, json};

/// Letters that a word of a function's name must have for a prompt to mean it: "weather" of `get_weather`.
const MEANING_CHARS: usize = 4;
/// Schemas within a schema; one that goes on for ever ends here.
const MAX_DEPTH: usize = 16;

/// What a request wants beside words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// Functions that may be called.
    pub(crate) tools: Vec<Tool>,
    /// Whether they may, or must.
    pub(crate) choice: Choice,
    /// What the words are to be.
    pub(crate) format: Format,
    /// What the words end before.
    pub(crate) stop: Vec<String>,
    /// Whether functions have just been called, and given something.
    pub(crate) has_results: bool,
}

/// A function.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The schema of its arguments.
    pub(crate) schema: Value,
}

/// Whether functions may be called.
#[derive(Clone, Debug, Default)]
pub(crate) enum Choice {
    /// When the prompt has a word of a function's name.
    #[default]
    Auto,
    /// They may not.
    None,
    /// One must.
    Any,
    /// This one must.
    Named(String),
}

/// What the words of an answer are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Schema(Value),
}

/// A function to be called.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

impl Wishes {
    /// The calls that answer a prompt: each function that it means, or the first one when it means none and one must be
    /// called. Once they have given something there is no more to call.
    pub(crate) fn calls(&self, prompt: &str) -> Vec<Called> {
        if self.has_results {
            return Vec::new();
        }
        let prompt = prompt.to_lowercase();
        let meant: Vec<&Tool> = self.tools.iter().filter(|tool| tool.is_meant(&prompt)).collect();
        let chosen = match &self.choice {
            Choice::None => Vec::new(),
            Choice::Auto => meant,
            Choice::Any if meant.is_empty() => self.tools.first().into_iter().collect(),
            Choice::Any => meant,
            Choice::Named(name) => self.tools.iter().filter(|tool| tool.name == *name).collect(),
        };
        let call = |tool: &Tool| Called { name: tool.name.clone(), arguments: sample(&tool.schema) };
        chosen.into_iter().map(call).collect()
    }

    /// A text up to where it is to end.
    pub(crate) fn until_stop<'a>(&self, text: &'a str) -> &'a str {
        let end = self.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
        end.map_or(text, |end| text.split_at(end).0)
    }

    /// Refuses a choice among functions that are not there.
    pub(crate) fn check(&self, body: &Object<'_>, name: &str) -> Result<(), Invalid> {
        let is_known = match &self.choice {
            Choice::Auto => true,
            Choice::None | Choice::Any => !self.tools.is_empty(),
            Choice::Named(name) => self.tools.iter().any(|tool| tool.name == *name),
        };
        let message = || format!("Invalid value for '{}': no such function in 'tools'.", body.path(name));
        if is_known { Ok(()) } else { Err(body.wrong(name, Why::Other(message()))) }
    }
}

impl Tool {
    /// Whether a prompt, in lower case, means this function.
    fn is_meant(&self, prompt: &str) -> bool {
        let name = self.name.to_lowercase();
        let words = name.split(['_', '-']).filter(|word| word.chars().count() >= MEANING_CHARS);
        words.into_iter().any(|word| prompt.contains(word))
    }

    /// Reads a function from fields of these names; all vendors agree on what its name may be.
    pub(crate) fn read(function: &Object<'_>, schema: &str) -> Result<Self, Invalid> {
        let name = read_name(function, "name")?;
        function.text("description")?;
        let schema = match function.object(schema)? {
            None => json!({ "type": "object", "properties": {} }),
            Some(found) if found.text("type")? == Some("object") => {
                function.get(schema).cloned().unwrap_or_default()
            }
            Some(_) => {
                let message =
                    format!("Invalid schema for function '{name}': schema must have type 'object'.");
                return Err(function.wrong(schema, Why::Other(message)));
            }
        };
        Ok(Self { name: name.to_owned(), schema })
    }
}

/// A name of 1 to 64 letters, digits, `_` and `-`.
pub(crate) fn read_name<'a>(object: &Object<'a>, field: &str) -> Result<&'a str, Invalid> {
    let name = object.require_text_within(field, 64)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Ok(name);
    }
    let message = format!(
        "Invalid '{}': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'.",
        object.path(field)
    );
    Err(object.wrong(field, Why::Other(message)))
}

/// Reads `stop` or its like: a list of at most `max` strings, or one.
pub(crate) fn read_stop(body: &Object<'_>, name: &str, max: usize) -> Result<Vec<String>, Invalid> {
    let Some(stop) = body.get(name) else { return Ok(Vec::new()) };
    let items = if stop.is_string() { std::slice::from_ref(stop) } else { body.require_list(name)? };
    let stops: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if stops.len() != items.len() || stops.len() > max || stops.iter().any(String::is_empty) {
        let message = format!("Invalid '{}': expected at most {max} strings.", body.path(name));
        return Err(body.wrong(name, Why::Other(message)));
    }
    Ok(stops)
}

/// The simplest value that a JSON Schema takes, as far as the sandbox reads schemas: always the same one.
pub(crate) fn sample(schema: &Value) -> Value {
    sample_within(schema, schema, "value", MAX_DEPTH)
}

fn sample_within(root: &Value, schema: &Value, name: &str, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        let target = if target.is_empty() { Some(root) } else { root.pointer(target) };
        return target.map_or(Value::Null, |target| sample_within(root, target, name, depth));
    }
    let first = |field: &str| schema[field].as_array().and_then(|items| items.first());
    if let Some(value) = schema.get("const").or_else(|| first("enum")) {
        return value.clone();
    }
    if let Some(one) = first("anyOf").or_else(|| first("oneOf")).or_else(|| first("allOf")) {
        return sample_within(root, one, name, depth);
    }
    let kind = schema["type"].as_str().or_else(|| first("type").and_then(Value::as_str));
    match kind {
        Some("string") => json!(format!("sample {name}")),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("array") => {
            let item = sample_within(root, &schema["items"], name, depth);
            json!([item])
        }
        Some("null") => Value::Null,
        _ => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let sampled =
                properties.map(|(name, schema)| (name.clone(), sample_within(root, schema, name, depth)));
            Value::Object(sampled.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_schema() {
        let check = |schema: Value, expected: Value| assert_eq!(sample(&schema), expected, "{schema}");
        check(json!({}), json!({}));
        check(json!({ "type": "string" }), json!("sample value"));
        check(json!({ "type": ["integer", "null"], "minimum": 7 }), json!(7));
        check(json!({ "enum": ["b", "a"] }), json!("b"));
        check(json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }), json!(true));
        check(
            json!({ "type": "object", "properties": {
                "city": { "type": "string" },
                "days": { "type": "array", "items": { "$ref": "#/$defs/day" } },
            }, "$defs": { "day": { "type": "number" } } }),
            json!({ "city": "sample city", "days": [1] }),
        );
        let endless = sample(&json!({ "type": "array", "items": { "$ref": "#" } }));
        assert!(endless.to_string().contains("null"), "{endless}");
    }
}
