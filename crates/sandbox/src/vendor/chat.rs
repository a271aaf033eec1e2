//! Chat completions, as OpenAI defined them and others took them over. What differs stands with each vendor.

use super::CREATED_UNIX_S;
use crate::{
    answer::{Ask, pieces},
    conversation::{Conversation, Part, silent_part, text_part},
    fields::Object,
    protocol::Turn,
    tools::{Choice, Format, Tool, Wishes, read_name, read_stop},
    trouble::{Invalid, Trouble, Why},
};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

/// What a message may hold.
pub(super) const PARTS: [Part; 4] = [
    Part { kind: "text", read: text_part },
    Part { kind: "image_url", read: image_part },
    Part { kind: "file", read: silent_part },
    Part { kind: "input_audio", read: silent_part },
];

fn image_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    let image = part.object("image_url")?.ok_or_else(|| part.wrong("image_url", Why::Missing))?;
    check_image_url(&image, "url")?;
    image.one_of("detail", &["auto", "low", "high"])?;
    Ok("")
}

/// Refuses what no vendor could fetch.
pub(super) fn check_image_url(object: &Object<'_>, name: &str) -> Result<(), Invalid> {
    let url = object.require_text(name)?;
    let is_data = url.starts_with("data:image/") && url.contains(";base64,");
    if is_data || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let message = format!("Invalid '{}': expected an http(s) URL or a base64 data URL.", object.path(name));
    Err(object.wrong(name, Why::Other(message)))
}

/// `Authorization: Bearer …` with something behind it.
pub(super) fn admit_bearer(headers: &HeaderMap) -> Result<(), Trouble> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match value.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if !key.trim().is_empty() => Ok(()),
        _ => Err(Trouble::NoKey),
    }
}

/// Reads `stream` and `stream_options`.
pub(super) fn read_stream(body: &Object<'_>, ask: &mut Ask) -> Result<(), Invalid> {
    ask.stream = body.flag("stream")?;
    let Some(options) = body.object("stream_options")? else { return Ok(()) };
    if !ask.stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(body.wrong("stream_options", Why::Other(message.to_owned())));
    }
    ask.include_usage = options.flag("include_usage")?;
    Ok(())
}

/// What differs between vendors in how they take functions and JSON.
pub(super) struct Abilities {
    /// Whether a schema can be asked for.
    pub(super) takes_schema: bool,
    /// Whether JSON must be spoken of.
    pub(super) needs_word_json: bool,
    /// Places to stop at, at most.
    pub(super) max_stops: usize,
}

/// Reads `tools`, `tool_choice`, `response_format` and `stop`.
pub(super) fn read_wishes(
    body: &Object<'_>,
    said: &Conversation,
    abilities: &Abilities,
) -> Result<Wishes, Invalid> {
    let mut tools = Vec::new();
    if body.get("tools").is_some() {
        for (index, item) in body.require_list("tools")?.iter().enumerate() {
            let tool = Object::at(format!("{}[{index}]", body.path("tools")), item)?;
            tool.require_text("type")?;
            tool.one_of("type", &["function"])?;
            let function = tool.object("function")?.ok_or_else(|| tool.wrong("function", Why::Missing))?;
            function.flag("strict")?;
            tools.push(Tool::read(&function, "parameters")?);
        }
    }
    let wishes = Wishes {
        tools,
        choice: read_choice(body)?,
        format: read_format(body, said, abilities)?,
        stop: read_stop(body, "stop", abilities.max_stops)?,
        has_results: said.has_results,
    };
    wishes.check(body, "tool_choice")?;
    Ok(wishes)
}

fn read_choice(body: &Object<'_>) -> Result<Choice, Invalid> {
    const NAME: &str = "tool_choice";
    if body.get(NAME).is_some_and(Value::is_object) {
        let choice = body.object(NAME)?.ok_or_else(|| body.wrong(NAME, Why::Missing))?;
        choice.one_of("type", &["function"])?;
        let function = choice.object("function")?.ok_or_else(|| choice.wrong("function", Why::Missing))?;
        return Ok(Choice::Named(function.require_text("name")?.to_owned()));
    }
    Ok(match body.one_of(NAME, &["none", "auto", "required"])? {
        Some("none") => Choice::None,
        Some("required") => Choice::Any,
        _ => Choice::Auto,
    })
}

fn read_format(body: &Object<'_>, said: &Conversation, abilities: &Abilities) -> Result<Format, Invalid> {
    const NAME: &str = "response_format";
    let Some(format) = body.object(NAME)? else { return Ok(Format::Text) };
    format.require_text("type")?;
    match format.one_of("type", &["text", "json_object", "json_schema"])? {
        Some("json_object") if abilities.needs_word_json && !said.says_json => Err(without_word(body, NAME)),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") if !abilities.takes_schema => {
            Err(format.wrong("type", Why::Other("This response_format type is unavailable now".to_owned())))
        }
        Some("json_schema") => {
            let schema = format.object("json_schema")?;
            read_schema(&schema.ok_or_else(|| format.wrong("json_schema", Why::Missing))?)
        }
        _ => Ok(Format::Text),
    }
}

/// Reads a schema and its name.
pub(super) fn read_schema(format: &Object<'_>) -> Result<Format, Invalid> {
    read_name(format, "name")?;
    format.flag("strict")?;
    let schema = format.object("schema")?.and_then(|_| format.get("schema"));
    Ok(Format::Schema(schema.ok_or_else(|| format.wrong("schema", Why::Missing))?.clone()))
}

/// What is said to a wish for JSON of which the prompt does not speak.
pub(super) fn without_word(body: &Object<'_>, name: &str) -> Invalid {
    let message = format!(
        "'messages' must contain the word 'json' in some form, to use '{}' of type 'json_object'.",
        body.path(name)
    );
    body.wrong("messages", Why::Other(message))
}

/// The calls of an answer, as its message has them.
pub(super) fn whole_calls(turn: &Turn) -> Option<Value> {
    let calls = turn.answer.calls.iter().enumerate().map(|(index, call)| {
        let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
        json!({"id": call_id(turn, index), "type": "function", "function": function})
    });
    Some(calls.collect()).filter(|_| !turn.answer.calls.is_empty())
}

/// The same calls as the deltas of a stream: who is called, and then the arguments in pieces.
pub(super) fn call_deltas(turn: &Turn) -> Vec<Value> {
    let mut deltas = Vec::new();
    for (index, call) in turn.answer.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let begun =
            json!({"index": index, "id": call_id(turn, index), "type": "function", "function": function});
        deltas.push(json!({"tool_calls": [begun]}));
        for piece in pieces(&call.arguments.to_string()) {
            deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}));
        }
    }
    deltas
}

/// Names a call of this answer.
pub(super) fn call_id(turn: &Turn, index: usize) -> String {
    format!("call_{}_{index}", turn.id)
}

/// Refuses several answers at once, which vendors can give and the sandbox cannot.
pub(super) fn refuse_several(body: &Object<'_>) -> Result<(), Invalid> {
    match body.integer("n", 1)? {
        Some(got) if got > 1 => {
            Err(body.wrong("n", Why::Above { got: got.to_string(), max: "1, in this sandbox".to_owned() }))
        }
        _ => Ok(()),
    }
}

/// What every chunk and body of one answer shares.
pub(super) struct Completion<'a> {
    pub(super) id: String,
    pub(super) model: &'a str,
    pub(super) system_fingerprint: &'a str,
}

impl Completion<'_> {
    /// A whole answer.
    pub(super) fn whole(&self, message: &Value, finish_reason: &str, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": CREATED_UNIX_S,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason,
            }],
            "usage": usage,
        })
    }

    /// A chunk with a piece of the answer.
    pub(super) fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        self.bare_chunk(&json!([{
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": finish_reason,
        }]))
    }

    /// A chunk with usage alone.
    pub(super) fn usage_chunk(&self, usage: &Value) -> Value {
        with(self.bare_chunk(&json!([])), "usage", usage)
    }

    fn bare_chunk(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED_UNIX_S,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "choices": choices,
        })
    }
}

/// An object with one more field.
pub(super) fn with(mut object: Value, name: &str, value: &Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert(name.to_owned(), value.clone());
    }
    object
}
