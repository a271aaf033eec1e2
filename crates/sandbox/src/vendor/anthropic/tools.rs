//! Functions: what is offered, what was called before, and what is called now. There is no mode for JSON.

use crate::{
    answer::pieces,
    conversation::OpenCalls,
    fields::Object,
    protocol::Turn,
    tools::{Choice, Format, Tool, Wishes, read_name, read_stop},
    trouble::{Invalid, Why},
};
use serde_json::{Value, json};

/// A call that the model asked for before.
pub(super) fn use_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    read_name(part, "id")?;
    read_name(part, "name")?;
    part.object("input")?.ok_or_else(|| part.wrong("input", Why::Missing))?;
    Ok("")
}

/// What it gave. Its words are heard in [`check_order`].
pub(super) fn result_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    part.require_text("tool_use_id")?;
    part.flag("is_error")?;
    Ok("")
}

/// Each call must have its result in the message right after it. Gives the results that the conversation ends with.
pub(super) fn check_order(body: &Object<'_>) -> Result<Option<String>, Invalid> {
    let mut open = OpenCalls::default();
    let mut results = None;
    for (index, item) in body.require_list("messages")?.iter().enumerate() {
        let message = Object::at(format!("messages[{index}]"), item)?;
        results = None;
        let parts = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (index, part) in parts.iter().enumerate() {
            let part = Object::at(format!("{}[{index}]", message.path("content")), part)?;
            if part.text("type")? == Some("tool_result") {
                open.close(&part, "tool_use_id")?;
                let said: &mut String = results.get_or_insert_default();
                said.push_str(part.get("content").and_then(Value::as_str).unwrap_or_default());
                said.push(' ');
            }
        }
        open.check_closed(&message, "content")?;
        for part in parts.iter().filter(|part| part["type"] == "tool_use") {
            open.open(part["id"].as_str().unwrap_or_default());
        }
    }
    open.check_closed(body, "messages")?;
    Ok(results)
}

/// Reads `tools`, `tool_choice` and `stop_sequences`.
pub(super) fn read_wishes(body: &Object<'_>, has_results: bool) -> Result<Wishes, Invalid> {
    let mut tools = Vec::new();
    if body.get("tools").is_some() {
        for (index, item) in body.require_list("tools")?.iter().enumerate() {
            let tool = Object::at(format!("tools[{index}]"), item)?;
            tool.only(&["type", "name", "description", "input_schema", "strict", "cache_control"])?;
            tool.one_of("type", &["custom"])?;
            tool.flag("strict")?;
            tool.require("input_schema")?;
            tools.push(Tool::read(&tool, "input_schema")?);
        }
    }
    let stop = read_stop(body, "stop_sequences", usize::MAX)?;
    if stop.iter().any(|stop| stop.trim().is_empty()) {
        let message = "stop_sequences: each stop sequence must contain non-whitespace";
        return Err(body.wrong("stop_sequences", Why::Other(message.to_owned())));
    }
    let choice = read_choice(body)?;
    let wishes = Wishes { tools, choice, format: Format::Text, stop, has_results };
    wishes.check(body, "tool_choice")?;
    Ok(wishes)
}

fn read_choice(body: &Object<'_>) -> Result<Choice, Invalid> {
    let Some(choice) = body.object("tool_choice")? else { return Ok(Choice::Auto) };
    choice.require_text("type")?;
    Ok(match choice.one_of("type", &["auto", "any", "tool", "none"])? {
        Some("any") => Choice::Any,
        Some("tool") => Choice::Named(choice.require_text("name")?.to_owned()),
        Some("none") => Choice::None,
        _ => Choice::Auto,
    })
}

/// The calls of an answer, as blocks.
pub(super) fn calls(turn: &Turn) -> Vec<Value> {
    let calls = turn.answer.calls.iter().enumerate();
    calls.map(|(index, call)| block(turn, index, &call.name, &call.arguments)).collect()
}

fn block(turn: &Turn, index: usize, name: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{}_{index}", turn.id), "name": name, "input": input})
}

/// The same calls as events: the arguments come as pieces of JSON.
pub(super) fn call_events(turn: &Turn) -> Vec<Value> {
    let mut events = Vec::new();
    for (index, call) in turn.answer.calls.iter().enumerate() {
        let block = block(turn, index, &call.name, &json!({}));
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        for piece in pieces(&call.arguments.to_string()) {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events
}
