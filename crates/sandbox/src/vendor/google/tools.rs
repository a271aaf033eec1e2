//! Functions and JSON.

use crate::{
    fields::Object,
    protocol::Turn,
    tools::{Choice, Format, Tool, Wishes, read_name, read_stop},
    trouble::{Invalid, Why},
};
use serde_json::{Value, json};

/// What a model of this family signs its calls with, and refuses to see them without.
const SIGNING: &str = "gemini-3";
const SIGNATURE: &str = "c2FuZGJveC1zaWduYXR1cmU=";
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
const MAX_STOPS: usize = 5;

/// Checks a part that is a call or what it gave; `false` when it is neither.
pub(super) fn read_part(part: &Object<'_>) -> Result<bool, Invalid> {
    if let Some(call) = part.object("functionCall")? {
        read_name(&call, "name")?;
        call.object("args")?;
        return Ok(true);
    }
    let Some(result) = part.object("functionResponse")? else { return Ok(false) };
    read_name(&result, "name")?;
    result.object("response")?.ok_or_else(|| result.wrong("response", Why::Missing))?;
    Ok(true)
}

/// What functions gave must follow the turn that called them, by the same names. Gives what the conversation ends with.
pub(super) fn check_order(body: &Object<'_>, model: &str) -> Result<Option<String>, Invalid> {
    let mut called: Vec<&str> = Vec::new();
    let mut results = None;
    for (index, content) in body.require_list("contents")?.iter().enumerate() {
        let parts = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = |kind: &str| -> Vec<&str> {
            parts.iter().filter_map(|part| part[kind]["name"].as_str()).collect()
        };
        if names("functionResponse") != called {
            let message = "Please ensure that the number of function response parts is equal to the number of \
                           function call parts of the function call turn.";
            return Err(body.wrong(&format!("contents[{index}]"), Why::Other(message.to_owned())));
        }
        called = names("functionCall");
        check_signature(parts, model).map_err(|why| body.wrong(&format!("contents[{index}]"), why))?;
        let given: Vec<String> = parts
            .iter()
            .filter_map(|part| part["functionResponse"]["response"].as_object())
            .flat_map(|response| response.values())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        results = (!given.is_empty()).then(|| given.join(" "));
    }
    if called.is_empty() {
        return Ok(results);
    }
    let message = "Please ensure that function call turn comes immediately before a function response turn.";
    Err(body.wrong("contents", Why::Other(message.to_owned())))
}

fn check_signature(parts: &[Value], model: &str) -> Result<(), Why> {
    let first = parts.iter().find(|part| part.get("functionCall").is_some());
    let is_signed =
        |part: &Value| matches!(part["thoughtSignature"].as_str(), Some(SIGNATURE | NO_SIGNATURE));
    if !model.starts_with(SIGNING) || first.is_none_or(is_signed) {
        return Ok(());
    }
    Err(Why::Other("Function call is missing a thought_signature in functionCall parts.".to_owned()))
}

/// Reads `tools`, `toolConfig`, and what `generationConfig` says of JSON and of where to stop.
pub(super) fn read_wishes(
    body: &Object<'_>,
    config: Option<&Object<'_>>,
    has_results: bool,
) -> Result<Wishes, Invalid> {
    let mut wishes = Wishes { has_results, ..Wishes::default() };
    if body.get("tools").is_some() {
        for (index, item) in body.require_list("tools")?.iter().enumerate() {
            let tool = Object::at(format!("tools[{index}]"), item)?;
            for (index, item) in tool.require_list("functionDeclarations")?.iter().enumerate() {
                let path = format!("{}[{index}]", tool.path("functionDeclarations"));
                let function = Object::at(path, item)?;
                function.only(&["name", "description", "parameters", "parametersJsonSchema", "response"])?;
                function.require_text("description")?;
                wishes.tools.push(Tool::read(&function, "parametersJsonSchema")?);
            }
        }
    }
    wishes.choice = read_choice(body)?;
    wishes.check(body, "toolConfig")?;
    if let Some(config) = config {
        wishes.stop = read_stop(config, "stopSequences", MAX_STOPS)?;
        wishes.format = read_format(config, !wishes.tools.is_empty())?;
    }
    Ok(wishes)
}

fn read_choice(body: &Object<'_>) -> Result<Choice, Invalid> {
    let Some(config) = body.object("toolConfig")? else { return Ok(Choice::Auto) };
    let Some(calling) = config.object("functionCallingConfig")? else { return Ok(Choice::Auto) };
    let mode = calling.one_of("mode", &["AUTO", "ANY", "NONE"])?;
    let names = if calling.get("allowedFunctionNames").is_some() {
        calling.require_list("allowedFunctionNames")?
    } else {
        &[]
    };
    match (mode, names.first().and_then(Value::as_str)) {
        (Some("ANY"), Some(name)) => Ok(Choice::Named(name.to_owned())),
        (Some("ANY"), None) => Ok(Choice::Any),
        (_, Some(_)) => {
            let message = "Allowed function names should only be set when function calling mode is ANY.";
            Err(calling.wrong("allowedFunctionNames", Why::Other(message.to_owned())))
        }
        (Some("NONE"), None) => Ok(Choice::None),
        (_, None) => Ok(Choice::Auto),
    }
}

fn read_format(config: &Object<'_>, has_tools: bool) -> Result<Format, Invalid> {
    let kind = config.one_of("responseMimeType", &["text/plain", "application/json"])?;
    let schema = config.object("responseJsonSchema")?.and_then(|_| config.get("responseJsonSchema"));
    match (kind, schema) {
        (Some("application/json"), _) if has_tools => {
            let message = "Function calling with a response mime type: 'application/json' is unsupported";
            Err(config.wrong("responseMimeType", Why::Other(message.to_owned())))
        }
        (Some("application/json"), Some(schema)) => Ok(Format::Schema(schema.clone())),
        (Some("application/json"), None) => Ok(Format::Json),
        (_, Some(_)) => {
            let message = "response_json_schema needs response_mime_type application/json";
            Err(config.wrong("responseJsonSchema", Why::Other(message.to_owned())))
        }
        (_, None) => Ok(Format::Text),
    }
}

/// The calls of an answer, as parts. The first one is signed, by the models that sign.
pub(super) fn calls(turn: &Turn) -> Vec<Value> {
    let calls = turn.answer.calls.iter().enumerate().map(|(index, call)| {
        let mut part = json!({"functionCall": {"name": call.name, "args": call.arguments}});
        if index == 0 && turn.ask.model.starts_with(SIGNING) {
            part["thoughtSignature"] = json!(SIGNATURE);
        }
        part
    });
    calls.collect()
}
