//! What a conversation may ask for beside words: functions of the client's own, JSON, and where to stop.

use super::{Message, count_chars};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What functions to call count against a model's `max_input_chars` beside their own words: vendors put up to some 350
/// tokens of instructions before them.
const TOOLS_COUNT_AS_CHARS: i64 = 200;
/// What each function, each call and each result of one counts beside its words, for what vendors put around it.
const ITEM_COUNTS_AS_CHARS: i64 = 20;

/// A conversation with all that can be asked for in one, each part of it read and found right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chat {
    /// The turns.
    pub messages: Vec<Message>,
    /// What is asked for beside words.
    pub options: ChatOptions,
}

/// What a conversation asks for beside words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChatOptions {
    /// Functions that the model may ask to have called.
    pub tools: Vec<Tool>,
    /// Whether it may, or must.
    pub tool_choice: ToolChoice,
    /// What the text of the answer is to be.
    pub format: ResponseFormat,
    /// Where the text is to end: before the first of these.
    pub stop: Vec<String>,
}

impl ChatOptions {
    /// What it counts against `max_input_chars`.
    pub fn input_chars(&self) -> i64 {
        let tools = self.tools.iter().map(Tool::input_chars).fold(0, i64::saturating_add);
        // Where a vendor has no mode for JSON, the answer is asked for as a function's arguments.
        let has_functions = !self.tools.is_empty() || self.format != ResponseFormat::Text;
        let around = if has_functions { TOOLS_COUNT_AS_CHARS } else { 0 };
        let format = match &self.format {
            ResponseFormat::Text => 0,
            ResponseFormat::JsonObject => ITEM_COUNTS_AS_CHARS,
            ResponseFormat::JsonSchema(JsonSchema { name, description, schema, .. }) => {
                item_chars([name, description.as_deref().unwrap_or_default(), &schema.to_string()])
            }
        };
        tools.saturating_add(around).saturating_add(format)
    }
}

/// A function of the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// The JSON Schema of its arguments: an object.
    pub parameters: Value,
    /// Whether arguments must follow the schema to the letter.
    pub strict: bool,
}

impl Tool {
    fn input_chars(&self) -> i64 {
        let description = self.description.as_deref().unwrap_or_default();
        item_chars([&self.name, description, &self.parameters.to_string()])
    }
}

/// Whether a model may ask for calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It may not.
    None,
    /// It must ask for one at least.
    Required,
    /// It must ask for this one.
    Function(String),
}

/// What a text is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ResponseFormat {
    /// Words.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema(JsonSchema),
}

/// The form that JSON is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonSchema {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it is for, for the model.
    pub description: Option<String>,
    /// The JSON Schema: an object.
    pub schema: Value,
    /// Whether it must be followed to the letter.
    pub strict: bool,
}

/// A call that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// Its arguments as JSON. What a model says may be broken, above all when the ceiling on output cut it.
    pub arguments: String,
    /// What the vendor wants back unchanged when the conversation goes on, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A call under the name by which its result is known. The name is ours, not the vendor's, so that a conversation can go
/// on at another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ToolCall {
    /// The name of the call.
    pub id: String,
    /// What is to be called.
    #[serde(flatten)]
    pub function: FunctionCall,
}

impl ToolCall {
    pub(super) fn input_chars(&self) -> i64 {
        let FunctionCall { name, arguments, signature } = &self.function;
        item_chars([&self.id, name, arguments, signature.as_deref().unwrap_or_default()])
    }
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ToolResult {
    /// The name of the call.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// The result; may be empty.
    pub text: String,
}

impl ToolResult {
    pub(super) fn input_chars(&self) -> i64 {
        item_chars([&self.call_id, &self.name, &self.text])
    }
}

fn item_chars<const N: usize>(texts: [&str; N]) -> i64 {
    texts.into_iter().map(count_chars).fold(ITEM_COUNTS_AS_CHARS, i64::saturating_add)
}
