//! OpenAI's Responses, which its largest models speak alone.

use super::{
    draft::Draft,
    error::{STATUS_WITHIN_ANSWER, VendorError, bad_response, content_refused, parse_json},
    openai_chat::image_url,
    options::{json_schema, text_input},
    usage::{count, count_or_zero},
};
use crate::{
    adapter::{Request, Response, StreamDecoder},
    sse::{EventReader, EventStream},
};
use domain::{
    port::{Answer, Call, FinishReason, ProviderError, ProviderErrorKind, Usage},
    text::{
        ChatOptions, FunctionCall, Message, Part, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult,
    },
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What an error means.
pub(crate) type ErrorKind = fn(StatusCode, &VendorError) -> ProviderErrorKind;

/// The request. `store` is false, because the vendor's default is to keep every conversation.
pub(crate) fn encode(call: &Call, extra: Map<String, Value>) -> Request {
    let input = text_input(call);
    let mut body = extra;
    body.insert("model".into(), json!(call.upstream.model));
    body.insert("input".into(), input.messages.iter().flat_map(items).collect());
    body.insert("max_output_tokens".into(), json!(input.max_output_tokens));
    body.insert("store".into(), json!(false));
    body.extend(input.system.as_ref().map(|text| ("instructions".into(), json!(text))));
    body.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
    body.extend(input.top_p.map(|milli| ("top_p".into(), milli.to_json())));
    add_options(&input.options, &mut body);
    if call.stream {
        body.insert("stream".into(), json!(true));
    }
    Request::post_json("/responses", &Value::Object(body))
}

/// A turn: what is said, and each call and each result as an item of its own. Words alone go as a string, which is right
/// for both sides; as parts, what the model said would have another type than what it was told.
fn items(message: &Message) -> Vec<Value> {
    let words = message.words();
    let content = match message.has_image() {
        true => Some(message.parts.iter().filter_map(part).collect()),
        false => (!words.is_empty()).then_some(Value::String(words)),
    };
    let said = content.map(|content| json!({ "role": message.role.name(), "content": content }));
    said.into_iter().chain(message.parts.iter().filter_map(call_item)).collect()
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text(text) => Some(json!({ "type": "input_text", "text": text })),
        Part::Image(image) => {
            Some(json!({ "type": "input_image", "image_url": image_url(image), "detail": "auto" }))
        }
        Part::ToolCall(_) | Part::ToolResult(_) => None,
    }
}

fn call_item(part: &Part) -> Option<Value> {
    match part {
        Part::Text(_) | Part::Image(_) => None,
        Part::ToolCall(ToolCall { id, function: FunctionCall { name, arguments, .. } }) => {
            Some(json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments }))
        }
        Part::ToolResult(ToolResult { call_id, text, .. }) => {
            Some(json!({ "type": "function_call_output", "call_id": call_id, "output": text }))
        }
    }
}

fn add_options(options: &ChatOptions, body: &mut Map<String, Value>) {
    if !options.tools.is_empty() {
        body.insert("tools".into(), options.tools.iter().map(tool).collect());
    }
    let choice = match &options.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Function(name) => Some(json!({ "type": "function", "name": name })),
    };
    body.extend(choice.map(|choice| ("tool_choice".into(), choice)));
    let format = match &options.format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(json!({ "type": "json_object" })),
        ResponseFormat::JsonSchema(schema) => {
            let mut format = json_schema(schema);
            format.insert("type".into(), json!("json_schema"));
            Some(Value::Object(format))
        }
    };
    body.extend(format.map(|format| ("text".into(), json!({ "format": format }))));
}

/// Here, unlike in chat completions, a function is strict unless it says that it is not.
fn tool(tool: &Tool) -> Value {
    let Tool { name, description, parameters, strict } = tool;
    let mut body = json!({ "type": "function", "name": name, "parameters": parameters, "strict": strict });
    if let Some(description) = description {
        body["description"] = json!(description);
    }
    body
}

/// Reads an answer that came whole.
pub(crate) fn decode(
    call: &Call,
    response: &Response,
    error_kind: ErrorKind,
) -> Result<Answer, ProviderError> {
    let value: Value = parse_json(&response.body)?;
    let is_response = value["status"].is_string();
    if !is_response && !value["error"].is_null() {
        let error = VendorError::parse(&response.body);
        let kind = error_kind(STATUS_WITHIN_ANSWER, &error);
        return Err(error.into_error(kind, STATUS_WITHIN_ANSWER));
    }
    let response: ResponseObject = parse_json(&response.body)?;
    let mut draft = Draft::of(call);
    for item in response.output.iter().flatten() {
        for part in item.content.iter().flatten() {
            match part {
                OutputPart::Text { text } => draft.push(text, &mut |_| {}),
                OutputPart::Refusal { refusal } => return Err(content_refused(refusal)),
                OutputPart::Other => {}
            }
        }
        item.push_call(&mut draft)?;
    }
    conclude(&mut draft, response, error_kind)?;
    draft.finish()
}

/// A decoder for a streamed answer.
pub(crate) fn stream_decoder(call: &Call, error_kind: ErrorKind) -> Box<dyn StreamDecoder> {
    EventStream::boxed(ResponseStream { error_kind, draft: Draft::of(call) })
}

/// Takes over how the response ended.
fn conclude(draft: &mut Draft, response: ResponseObject, error_kind: ErrorKind) -> Result<(), ProviderError> {
    let reason = response.incomplete_details.and_then(|details| details.reason).unwrap_or_default();
    draft.finish_reason = Some(match (response.status.as_str(), reason.as_str()) {
        ("completed", _) => FinishReason::Stop,
        ("incomplete", "max_output_tokens") => FinishReason::Length,
        ("incomplete", "content_filter") => return Err(content_refused("incomplete: content_filter")),
        ("failed", _) => {
            let error = VendorError::from_object(response.error.unwrap_or_default());
            let kind = error_kind(STATUS_WITHIN_ANSWER, &error);
            return Err(error.into_error(kind, STATUS_WITHIN_ANSWER));
        }
        (status, reason) => return Err(bad_response(format!("the response ended as {status} {reason}"))),
    });
    draft.upstream_model = response.model;
    draft.usage = response.usage.as_ref().and_then(usage);
    Ok(())
}

fn usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        input_tokens: count(usage, "/input_tokens")?,
        cached_input_tokens: count_or_zero(usage, "/input_tokens_details/cached_tokens")?,
        output_tokens: count(usage, "/output_tokens")?,
    })
}

/// The event that is its end says why it ended.
struct ResponseStream {
    error_kind: ErrorKind,
    draft: Draft,
}

impl EventReader for ResponseStream {
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        match parse_json(data.as_bytes())? {
            Event::TextDelta { delta } => self.draft.push(&delta, on_delta),
            Event::RefusalDelta { delta: refusal } | Event::RefusalDone { refusal } => {
                return Err(content_refused(&refusal));
            }
            Event::ItemDone { item } => item.push_call(&mut self.draft)?,
            Event::Completed { response } | Event::Incomplete { response } | Event::Failed { response } => {
                conclude(&mut self.draft, response, self.error_kind)?;
            }
            Event::Error => {
                let error = VendorError::parse(data.as_bytes());
                let kind = (self.error_kind)(STATUS_WITHIN_ANSWER, &error);
                return Err(error.into_error(kind, STATUS_WITHIN_ANSWER));
            }
            Event::Other => {}
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.draft.finish_reason.is_some()
    }

    fn finish(self) -> Result<Answer, ProviderError> {
        self.draft.finish_stream(true)
    }
}

#[derive(Deserialize)]
struct ResponseObject {
    status: String,
    model: Option<String>,
    output: Option<Vec<OutputItem>>,
    usage: Option<Value>,
    error: Option<Value>,
    incomplete_details: Option<IncompleteDetails>,
}

#[derive(Deserialize)]
struct IncompleteDetails {
    reason: Option<String>,
}

/// A message has parts, a call a name and arguments; what the model thought has nothing that is of use.
#[derive(Deserialize)]
struct OutputItem {
    content: Option<Vec<OutputPart>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

impl OutputItem {
    fn push_call(&self, draft: &mut Draft) -> Result<(), ProviderError> {
        if self.kind.as_deref() != Some("function_call") {
            return Ok(());
        }
        let name = self.name.as_deref().unwrap_or_default();
        draft.push_next_call(name, self.arguments.as_deref().unwrap_or_default()).map(drop)
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum OutputPart {
    #[serde(rename = "output_text")]
    Text { text: String },
    #[serde(rename = "refusal")]
    Refusal { refusal: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "response.output_text.delta")]
    TextDelta { delta: String },
    #[serde(rename = "response.refusal.delta")]
    RefusalDelta { delta: String },
    #[serde(rename = "response.refusal.done")]
    RefusalDone { refusal: String },
    /// Of a call, all pieces together.
    #[serde(rename = "response.output_item.done")]
    ItemDone { item: OutputItem },
    #[serde(rename = "response.completed")]
    Completed { response: ResponseObject },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: ResponseObject },
    #[serde(rename = "response.failed")]
    Failed { response: ResponseObject },
    #[serde(rename = "error")]
    Error,
    #[serde(other)]
    Other,
}
