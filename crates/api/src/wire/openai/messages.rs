//! Conversations.

use super::{
    Fields,
    tools::{MAX_NAME_CHARS, read_type},
};
use crate::json;
use domain::{
    params::FieldError,
    text::{FunctionCall, Image, MAX_MESSAGES, Message, Part, Role, ToolCall, ToolResult},
};
use serde_json::{Value, json};

/// Characters of the name of a call.
const MAX_CALL_ID_CHARS: usize = 40;
/// Characters of what a vendor wants back with a call.
const MAX_SIGNATURE_CHARS: usize = 64 * 1024;
/// Calls in one message.
const MAX_CALLS: usize = 128;

/// Takes the conversation out of `body`.
pub(super) fn read(body: &mut Fields<'_>) -> Vec<Message> {
    let items = body.list("messages").unwrap_or_default();
    if items.is_empty() || items.len() > MAX_MESSAGES {
        body.wrong("messages", format!("must hold 1 to {MAX_MESSAGES} messages"));
        return Vec::new();
    }
    let mut open = OpenCalls::default();
    let mut messages = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        if let Some(item) = Fields::at(path.clone(), item, body.errors()) {
            messages.extend(read_message(item, &mut open, &path));
        }
    }
    if !open.0.is_empty() {
        body.wrong("messages", format!("end without the results of the calls {}", open.names()));
    }
    messages
}

/// The calls whose results have not come: each vendor wants them right after the message that asks for them.
#[derive(Default)]
struct OpenCalls(Vec<(String, String)>);

impl OpenCalls {
    fn names(&self) -> String {
        self.0.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The function that was called under that name.
    fn close(&mut self, id: &str) -> Option<String> {
        let place = self.0.iter().position(|(open, _)| open == id)?;
        Some(self.0.remove(place).1)
    }
}

fn read_message(mut item: Fields<'_>, open: &mut OpenCalls, path: &str) -> Option<Message> {
    let role = item.take("role");
    let role = role.as_ref().and_then(Value::as_str).unwrap_or_default();
    if role != "tool" && !open.0.is_empty() {
        let message = format!("stands before the results of the calls {}", open.names());
        item.push(FieldError::new(path, message));
        open.0.clear();
    }
    let message = match role {
        "system" | "developer" => {
            read_content(&mut item, false).map(|parts| Message { role: Role::System, parts })
        }
        "user" => read_content(&mut item, true).map(|parts| Message { role: Role::User, parts }),
        "assistant" => read_assistant(&mut item, open),
        "tool" => read_result(&mut item, open),
        _ => {
            let error = FieldError::new(item.path("role"), "is not a role");
            item.push(error.allowing(["system", "developer", "user", "assistant", "tool"]));
            return None;
        }
    };
    item.finish();
    message
}

/// What is said: a string or a list of parts, and something of it.
fn read_content(item: &mut Fields<'_>, takes_images: bool) -> Option<Vec<Part>> {
    const NAME: &str = "content";
    match item.take(NAME) {
        Some(Value::String(text)) if !text.is_empty() => Some(vec![Part::Text(text)]),
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let path = item.path(NAME);
            let read = parts.into_iter().enumerate().filter_map(|(index, part)| {
                let part = Fields::at(format!("{path}[{index}]"), part, item.errors())?;
                read_part(part, takes_images)
            });
            Some(read.collect())
        }
        _ => {
            item.wrong(NAME, "must be a non-empty string or list of parts");
            None
        }
    }
}

fn read_part(mut part: Fields<'_>, takes_images: bool) -> Option<Part> {
    let allowed: &[&'static str] = if takes_images { &["text", "image_url"] } else { &["text"] };
    let read = match read_type(&mut part, allowed)?.as_str() {
        "text" => part.require_text("text").map(Part::Text),
        _ => read_image(&mut part).map(Part::Image),
    };
    part.finish();
    read
}

fn read_image(part: &mut Fields<'_>) -> Option<Image> {
    let mut image = part.object("image_url")?;
    // How closely to look is for the vendor to say.
    image.only("detail", &json!("auto"));
    let url = image.require_text("url");
    let read = url.and_then(|url| Image::parse(&url).map_err(|message| image.wrong("url", message)).ok());
    image.finish();
    read
}

fn read_assistant(item: &mut Fields<'_>, open: &mut OpenCalls) -> Option<Message> {
    // Official clients send messages back with all that they had.
    item.only("annotations", &json!([]));
    let items = item.list("tool_calls").unwrap_or_default();
    if items.is_empty() {
        let parts = read_content(item, false)?;
        return Some(Message { role: Role::Assistant, parts });
    }
    if items.len() > MAX_CALLS {
        item.wrong("tool_calls", format!("must hold at most {MAX_CALLS} calls"));
    }
    // A turn in which the model only called functions has no words.
    let words = if item.says("content") { read_content(item, false) } else { None };
    item.ignore(&["content"]);
    let mut parts = words.unwrap_or_default();
    let path = item.path("tool_calls");
    for (index, call) in items.into_iter().take(MAX_CALLS).enumerate() {
        let call = Fields::at(format!("{path}[{index}]"), call, item.errors()).and_then(read_call);
        let Some(call) = call else { continue };
        if open.0.iter().any(|(id, _)| *id == call.id) {
            item.wrong(&format!("tool_calls[{index}].id"), "is the name of two calls");
        }
        open.0.push((call.id.clone(), call.function.name.clone()));
        parts.push(Part::ToolCall(call));
    }
    Some(Message { role: Role::Assistant, parts })
}

fn read_call(mut call: Fields<'_>) -> Option<ToolCall> {
    read_type(&mut call, &["function"])?;
    let id = call.require_name("id", MAX_CALL_ID_CHARS);
    // Streams number their calls, and some clients leave the number in.
    call.ignore(&["index"]);
    let signature = read_signature(&mut call);
    let function = call.object("function").and_then(|mut function| {
        let name = function.require_name("name", MAX_NAME_CHARS);
        let arguments = read_arguments(&mut function);
        function.finish();
        Some((name?, arguments?))
    });
    call.finish();
    let (name, arguments) = function?;
    Some(ToolCall { id: id?, function: FunctionCall { name, arguments, signature } })
}

/// JSON in a string, and in that an object.
fn read_arguments(function: &mut Fields<'_>) -> Option<String> {
    let arguments = function.text("arguments").unwrap_or_default();
    if arguments.trim().is_empty() {
        return Some("{}".to_owned());
    }
    if matches!(json::read(arguments.as_bytes()), Ok(Value::Object(_))) {
        return Some(arguments);
    }
    function.wrong("arguments", "must be a JSON object in a string");
    None
}

/// Google's own shape for it: `extra_content.google.thought_signature`.
fn read_signature(call: &mut Fields<'_>) -> Option<String> {
    let mut extra = call.object("extra_content")?;
    let signature = extra.object("google").and_then(|mut google| {
        let signature = google.text("thought_signature");
        if signature.as_ref().is_some_and(|text| text.len() > MAX_SIGNATURE_CHARS) {
            google.wrong("thought_signature", format!("must be at most {MAX_SIGNATURE_CHARS} characters"));
        }
        google.finish();
        signature
    });
    extra.finish();
    signature
}

/// What a function gave, which may be nothing.
fn read_result(item: &mut Fields<'_>, open: &mut OpenCalls) -> Option<Message> {
    let call_id = item.require_text("tool_call_id");
    let text = match item.take("content") {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(parts)) => {
            let path = item.path("content");
            let texts = parts.into_iter().enumerate().filter_map(|(index, part)| {
                let part = Fields::at(format!("{path}[{index}]"), part, item.errors())?;
                match read_part(part, false)? {
                    Part::Text(text) => Some(text),
                    _ => None,
                }
            });
            Some(texts.collect::<Vec<_>>().join("\n"))
        }
        _ => {
            item.wrong("content", "must be a string or a list of parts");
            None
        }
    };
    let call_id = call_id?;
    let Some(name) = open.close(&call_id) else {
        item.wrong("tool_call_id", "is no call of the message before");
        return None;
    };
    let result = Part::ToolResult(ToolResult { call_id, name, text: text? });
    Some(Message { role: Role::Tool, parts: vec![result] })
}
