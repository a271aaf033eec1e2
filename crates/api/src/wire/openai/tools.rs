//! Functions to call, and the form of an answer.

use super::Fields;
use domain::{
    params::FieldError,
    text::{ChatOptions, JsonSchema, ResponseFormat, Tool, ToolChoice},
};
use serde_json::{Map, Value, json};

const MAX_TOOLS: usize = 128;
/// Characters of a function's or a schema's name.
pub(super) const MAX_NAME_CHARS: usize = 64;
const MAX_STOPS: usize = 4;
const MAX_STOP_CHARS: usize = 256;

/// Takes out of `body` what a conversation asks for beside words.
pub(super) fn read(body: &mut Fields<'_>) -> ChatOptions {
    let tools = read_tools(body);
    let tool_choice = read_choice(body, &tools);
    ChatOptions { tools, tool_choice, format: read_format(body), stop: read_stop(body) }
}

fn read_tools(body: &mut Fields<'_>) -> Vec<Tool> {
    let items = body.list("tools").unwrap_or_default();
    if items.len() > MAX_TOOLS {
        body.wrong("tools", format!("must hold at most {MAX_TOOLS} functions"));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(items.len().min(MAX_TOOLS));
    for (index, item) in items.into_iter().take(MAX_TOOLS).enumerate() {
        let path = format!("tools[{index}]");
        let Some(tool) = Fields::at(path.clone(), item, body.errors()).and_then(read_tool) else { continue };
        if tools.iter().any(|other| other.name == tool.name) {
            body.wrong(&format!("{path}.function.name"), "is the name of two functions");
        }
        tools.push(tool);
    }
    tools
}

fn read_tool(mut item: Fields<'_>) -> Option<Tool> {
    read_type(&mut item, &["function"])?;
    let tool = match item.object("function") {
        None => {
            item.wrong("function", "must be an object");
            None
        }
        Some(mut function) => {
            let name = function.require_name("name", MAX_NAME_CHARS);
            let description = function.text("description");
            let parameters = read_parameters(&mut function);
            let strict = function.flag("strict");
            function.finish();
            name.map(|name| Tool { name, description, parameters, strict })
        }
    };
    item.finish();
    tool
}

/// A function without any takes no arguments.
fn read_parameters(function: &mut Fields<'_>) -> Value {
    match function.take("parameters") {
        Some(Value::Object(schema)) if schema.get("type").is_some_and(|kind| kind == "object") => {
            Value::Object(schema)
        }
        None => json!({ "type": "object", "properties": {} }),
        Some(Value::Object(schema)) if schema.is_empty() => json!({ "type": "object", "properties": {} }),
        Some(_) => {
            function.wrong("parameters", "must be a JSON Schema of type \"object\"");
            Value::Null
        }
    }
}

fn read_choice(body: &mut Fields<'_>, tools: &[Tool]) -> ToolChoice {
    const NAME: &str = "tool_choice";
    let choice = match body.take(NAME) {
        None => return ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => None,
        },
        Some(Value::Object(choice)) => read_function_choice(body, choice, tools),
        Some(_) => None,
    };
    if tools.is_empty() {
        body.wrong(NAME, "needs tools");
    }
    choice.unwrap_or_else(|| {
        let error = FieldError::new(NAME, "is no choice among the tools");
        body.push(error.allowing(["auto", "none", "required", "a function among the tools"]));
        ToolChoice::Auto
    })
}

fn read_function_choice(
    body: &mut Fields<'_>,
    choice: Map<String, Value>,
    tools: &[Tool],
) -> Option<ToolChoice> {
    let mut choice = Fields::at("tool_choice".to_owned(), Value::Object(choice), body.errors())?;
    read_type(&mut choice, &["function"])?;
    let name = choice.object("function").and_then(|mut function| {
        let name = function.require_text("name");
        function.finish();
        name
    });
    choice.finish();
    name.filter(|name| tools.iter().any(|tool| tool.name == *name)).map(ToolChoice::Function)
}

fn read_format(body: &mut Fields<'_>) -> ResponseFormat {
    let Some(mut format) = body.object("response_format") else { return ResponseFormat::Text };
    let Some(kind) = read_type(&mut format, &["text", "json_object", "json_schema"]) else {
        return ResponseFormat::Text;
    };
    let read = match kind.as_str() {
        "json_object" => ResponseFormat::JsonObject,
        "json_schema" => match format.object("json_schema").map(read_schema) {
            Some(schema) => schema.map_or(ResponseFormat::Text, ResponseFormat::JsonSchema),
            None => {
                format.wrong("json_schema", "must be an object");
                ResponseFormat::Text
            }
        },
        _ => ResponseFormat::Text,
    };
    format.finish();
    read
}

fn read_schema(mut format: Fields<'_>) -> Option<JsonSchema> {
    let name = format.require_name("name", MAX_NAME_CHARS);
    let description = format.text("description");
    let schema = format.take("schema").filter(Value::is_object);
    if schema.is_none() {
        format.wrong("schema", "must be a JSON Schema");
    }
    let strict = format.flag("strict");
    format.finish();
    Some(JsonSchema { name: name?, description, schema: schema?, strict })
}

fn read_stop(body: &mut Fields<'_>) -> Vec<String> {
    let items = match body.take("stop") {
        None => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(item) => vec![item],
    };
    let is_stop = |text: &&str| (1..=MAX_STOP_CHARS).contains(&text.chars().count());
    let stops: Vec<&str> = items.iter().filter_map(Value::as_str).filter(is_stop).collect();
    if stops.len() != items.len() || stops.len() > MAX_STOPS {
        let message = format!("must be up to {MAX_STOPS} strings of 1 to {MAX_STOP_CHARS} characters");
        body.wrong("stop", message);
    }
    stops.into_iter().map(str::to_owned).collect()
}

/// Takes out `type`, which must be one of a few words; what stands beside another is not looked at.
pub(super) fn read_type(fields: &mut Fields<'_>, allowed: &[&'static str]) -> Option<String> {
    let kind = fields.take("type");
    match kind.as_ref().and_then(Value::as_str).filter(|kind| allowed.contains(kind)) {
        Some(kind) => Some(kind.to_owned()),
        None => {
            let error = FieldError::new(fields.path("type"), "is not supported here");
            fields.push(error.allowing(allowed.iter().copied()));
            None
        }
    }
}
