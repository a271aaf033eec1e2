//! Functions, JSON, and where to stop.
//!
//! The vendor has no mode for JSON. An answer in JSON is asked for as the arguments of a function that must be called, which
//! are then the text.

use crate::wire::options::{refuse_json_beside_tools, require_tools_for_history};
use domain::{
    params::FieldError,
    text::{ChatOptions, JsonSchema, ResponseFormat, TextInput, Tool, ToolChoice},
};
use serde_json::{Map, Value, json};

/// The function whose arguments are the answer, where the client gives it no name.
const ANSWER: &str = "answer";
const ANSWER_DESCRIPTION: &str = "Gives the whole answer, as JSON.";

/// Whether the text of the answer comes as the arguments of a call.
pub(super) fn is_json(options: &ChatOptions) -> bool {
    options.format != ResponseFormat::Text
}

pub(super) fn check(input: &TextInput) -> Vec<FieldError> {
    let options = &input.options;
    let schema = match &options.format {
        ResponseFormat::JsonSchema(format) if format.schema["type"] != "object" => {
            let field = "response_format.json_schema.schema.type";
            Some(FieldError::new(field, "this model answers with an object").allowing(["object"]))
        }
        _ => None,
    };
    let is_blank = |stop: &String| stop.trim().is_empty();
    let stop = options
        .stop
        .iter()
        .any(is_blank)
        .then(|| FieldError::new("stop", "this model cannot stop at white space alone"));
    // What stands for JSON is a function too, and will do.
    let history = if is_json(options) { None } else { require_tools_for_history(input) };
    refuse_json_beside_tools(options).into_iter().chain(history).chain(schema).chain(stop).collect()
}

pub(super) fn add(options: &ChatOptions, body: &mut Map<String, Value>) {
    if let Some(answer) = answer_function(&options.format) {
        body.insert("tool_choice".into(), json!({ "type": "tool", "name": answer.name }));
        body.insert("tools".into(), json!([tool(&answer)]));
    } else if !options.tools.is_empty() {
        let choice = match &options.tool_choice {
            ToolChoice::Auto => json!({ "type": "auto" }),
            ToolChoice::None => json!({ "type": "none" }),
            ToolChoice::Required => json!({ "type": "any" }),
            ToolChoice::Function(name) => json!({ "type": "tool", "name": name }),
        };
        body.insert("tool_choice".into(), choice);
        body.insert("tools".into(), options.tools.iter().map(tool).collect());
    }
    if !options.stop.is_empty() {
        body.insert("stop_sequences".into(), json!(options.stop));
    }
}

fn answer_function(format: &ResponseFormat) -> Option<Tool> {
    let (name, description, parameters, strict) = match format {
        ResponseFormat::Text => return None,
        ResponseFormat::JsonObject => (ANSWER, None, json!({ "type": "object" }), false),
        ResponseFormat::JsonSchema(JsonSchema { name, description, schema, strict }) => {
            (name.as_str(), description.clone(), schema.clone(), *strict)
        }
    };
    let description = description.or_else(|| Some(ANSWER_DESCRIPTION.to_owned()));
    Some(Tool { name: name.to_owned(), description, parameters, strict })
}

fn tool(tool: &Tool) -> Value {
    let mut body = json!({ "name": tool.name, "input_schema": tool.parameters });
    if let Some(description) = &tool.description {
        body["description"] = json!(description);
    }
    if tool.strict {
        body["strict"] = json!(true);
    }
    body
}
