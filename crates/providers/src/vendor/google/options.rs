//! Functions, JSON, and where to stop.

use crate::wire::options::arguments;
use domain::{
    port::ProviderError,
    text::{ChatOptions, FunctionCall, Part, ResponseFormat, Role, Tool, ToolChoice, ToolResult},
};
use serde_json::{Map, Value, json};

/// Stands for the signature of a call that comes back without it, from a client that did not keep it or from another
/// vendor's answer: <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
/// Models that refuse a call of theirs that comes back without its signature.
const SIGNING: &str = "gemini-3";

pub(super) fn add_tools(options: &ChatOptions, body: &mut Map<String, Value>) {
    if options.tools.is_empty() {
        return;
    }
    let functions: Vec<Value> = options.tools.iter().map(function).collect();
    let config = match &options.tool_choice {
        ToolChoice::Auto => json!({ "mode": "AUTO" }),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Required => json!({ "mode": "ANY" }),
        ToolChoice::Function(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    body.insert("tools".into(), json!([{ "functionDeclarations": functions }]));
    body.insert("toolConfig".into(), json!({ "functionCallingConfig": config }));
}

/// The vendor wants a description of every function.
fn function(tool: &Tool) -> Value {
    let description = tool.description.as_ref().unwrap_or(&tool.name);
    json!({ "name": tool.name, "description": description, "parametersJsonSchema": tool.parameters })
}

pub(super) fn add_format(options: &ChatOptions, config: &mut Map<String, Value>) {
    match &options.format {
        ResponseFormat::Text => {}
        ResponseFormat::JsonObject => {
            config.insert("responseMimeType".into(), json!("application/json"));
        }
        ResponseFormat::JsonSchema(format) => {
            config.insert("responseMimeType".into(), json!("application/json"));
            config.insert("responseJsonSchema".into(), format.schema.clone());
        }
    }
    if !options.stop.is_empty() {
        config.insert("stopSequences".into(), json!(options.stop));
    }
}

/// A call that the model asked for in an earlier turn.
pub(super) fn call_part(call: &FunctionCall) -> Result<Value, ProviderError> {
    let mut part = json!({ "functionCall": { "name": call.name, "args": arguments(call)? } });
    if let Some(signature) = &call.signature {
        part["thoughtSignature"] = json!(signature);
    }
    Ok(part)
}

/// What it gave. The vendor wants an object.
pub(super) fn result_part(result: &ToolResult) -> Value {
    json!({ "functionResponse": { "name": result.name, "response": { "result": result.text } } })
}

/// The vendor knows what a call gave by its place alone, while clients may bring results in any order.
pub(super) fn order_results(turns: &mut [(Role, Vec<&Part>)]) {
    let mut calls: Vec<&str> = Vec::new();
    for (_, parts) in turns {
        let place = |part: &&Part| match part {
            Part::ToolResult(result) => calls.iter().position(|id| *id == result.call_id),
            _ => None,
        };
        parts.sort_by_key(|part| place(part).unwrap_or(usize::MAX));
        calls = parts.iter().filter_map(|part| call_id(part)).collect();
    }
}

fn call_id(part: &Part) -> Option<&str> {
    match part {
        Part::ToolCall(call) => Some(&call.id),
        _ => None,
    }
}

/// Of the calls in one turn only the first is signed.
pub(super) fn sign_first_call(model: &str, parts: &mut [Value]) {
    let first = parts.iter_mut().find(|part| part.get("functionCall").is_some());
    if let Some(part) = first.filter(|part| model.starts_with(SIGNING) && part["thoughtSignature"].is_null())
    {
        part["thoughtSignature"] = json!(NO_SIGNATURE);
    }
}
