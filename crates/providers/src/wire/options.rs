//! What conversations ask for beside words: reading it, and refusing what a vendor cannot do.

use crate::adapter::rejected;
use domain::{
    params::FieldError,
    port::{Call, Input, ProviderError},
    text::{ChatOptions, FunctionCall, JsonSchema, Part, ResponseFormat, TextInput},
};
use serde_json::{Map, Value, json};

/// What a call asks.
pub(crate) const fn text_input(call: &Call) -> &TextInput {
    let Input::Text(input) = &call.input;
    input
}

/// The arguments of a call that the client brings back, as the object that some vendors want.
pub(crate) fn arguments(call: &FunctionCall) -> Result<Map<String, Value>, ProviderError> {
    serde_json::from_str(&call.arguments).map_err(|_| rejected("the arguments of a call are no JSON object"))
}

/// A schema as OpenAI writes it.
pub(crate) fn json_schema(format: &JsonSchema) -> Map<String, Value> {
    let JsonSchema { name, description, schema, strict } = format;
    let mut body = Map::new();
    body.insert("name".into(), json!(name));
    body.extend(description.as_ref().map(|text| ("description".into(), json!(text))));
    body.insert("schema".into(), schema.clone());
    body.insert("strict".into(), json!(strict));
    body
}

pub(crate) fn refuse_stop(options: &ChatOptions) -> Option<FieldError> {
    (!options.stop.is_empty()).then(|| FieldError::new("stop", "this model cannot be told where to stop"))
}

/// For models that call no functions, and so know nothing of calls in earlier turns either.
pub(crate) fn refuse_tools(input: &TextInput) -> Option<FieldError> {
    let field = if input.options.tools.is_empty() { "messages" } else { "tools" };
    let calls = field == "tools" || has_calls(input);
    calls.then(|| FieldError::new(field, "this model does not call functions"))
}

/// For vendors that take calls in earlier turns only beside the functions that there are.
pub(crate) fn require_tools_for_history(input: &TextInput) -> Option<FieldError> {
    let message = "this model wants the functions that the messages call";
    (input.options.tools.is_empty() && has_calls(input)).then(|| FieldError::new("tools", message))
}

fn has_calls(input: &TextInput) -> bool {
    let mut parts = input.messages.iter().flat_map(|message| &message.parts);
    parts.any(|part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_)))
}

/// For vendors that promise nothing of how arguments follow their schema.
pub(crate) fn refuse_strict_tools(options: &ChatOptions) -> impl Iterator<Item = FieldError> {
    let strict = options.tools.iter().enumerate().filter(|(_, tool)| tool.strict);
    strict.map(|(index, _)| {
        let field = format!("tools[{index}].function.strict");
        FieldError::new(field, "this model cannot be held to a schema of arguments").allowing(["false"])
    })
}

pub(crate) fn refuse_json_beside_tools(options: &ChatOptions) -> Option<FieldError> {
    let wants_both = options.format != ResponseFormat::Text && !options.tools.is_empty();
    let message = "this model cannot answer in JSON and call functions in one request";
    wants_both.then(|| FieldError::new("response_format", message))
}

/// For vendors that answer in JSON only when they are told of it in words too. `counts_instructions` is whether those
/// among the instructions will do.
pub(crate) fn require_word_json(input: &TextInput, counts_instructions: bool) -> Option<FieldError> {
    if input.options.format != ResponseFormat::JsonObject {
        return None;
    }
    let instructions = input.system.as_deref().filter(|_| counts_instructions).map(str::to_owned);
    let mut words = instructions.into_iter().chain(input.messages.iter().map(|message| message.words()));
    let has_word = words.any(|words| words.to_lowercase().contains("json"));
    let message = "must hold the word \"json\" for a response_format of type json_object";
    (!has_word).then(|| FieldError::new("messages", message))
}
