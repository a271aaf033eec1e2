//! OpenAI's chat completions, which several vendors speak with small differences.

use super::{
    draft::Draft,
    error::{STATUS_WITHIN_ANSWER, VendorError, content_refused, parse_json},
    options::{json_schema, text_input},
    usage::{count, count_or_zero},
};
use crate::{
    adapter::{Request, Response, StreamDecoder},
    sse::{EventReader, EventStream},
};
use domain::{
    port::{Answer, Call, FinishReason, ProviderError, ProviderErrorKind, Usage},
    text::{ChatOptions, Image, Message, Part, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What differs between the vendors.
pub(crate) struct Dialect {
    /// The field that carries the ceiling on output.
    pub(crate) max_tokens_field: &'static str,
    /// Whether `completion_tokens` leaves hidden thinking out.
    pub(crate) thinks_apart: bool,
    /// What an error means.
    pub(crate) error_kind: fn(StatusCode, &VendorError) -> ProviderErrorKind,
}

impl Dialect {
    /// The request, with the vendor's own fields in `extra`.
    pub(crate) fn encode(&self, call: &Call, extra: Map<String, Value>) -> Request {
        let input = text_input(call);
        let system = input.system.iter().map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.chain(input.messages.iter().flat_map(message)).collect();
        let mut body = extra;
        body.insert("model".into(), json!(call.upstream.model));
        body.insert("messages".into(), json!(messages));
        body.insert(self.max_tokens_field.into(), json!(input.max_output_tokens));
        body.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
        body.extend(input.top_p.map(|milli| ("top_p".into(), milli.to_json())));
        add_options(&input.options, &mut body);
        if call.stream {
            body.insert("stream".into(), json!(true));
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        Request::post_json("/chat/completions", &Value::Object(body))
    }

    /// Reads an answer that came whole. Blank lines before it, which keep a connection alive, are nothing to JSON.
    pub(crate) fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        let mut draft = Draft::of(call);
        self.read(&response.body, &mut draft, &mut |_| {})?;
        draft.finish()
    }

    /// Reads an answer of a status other than 2xx.
    pub(crate) fn decode_error(&self, response: &Response) -> ProviderError {
        self.error(response.status, VendorError::parse(&response.body))
    }

    /// A decoder for a streamed answer.
    pub(crate) fn stream_decoder(&'static self, call: &Call) -> Box<dyn StreamDecoder> {
        EventStream::boxed(ChatStream { dialect: self, draft: Draft::of(call), has_ended: false })
    }

    fn error(&self, status: StatusCode, error: VendorError) -> ProviderError {
        let kind = (self.error_kind)(status, &error);
        error.into_error(kind, status)
    }

    /// Adds a whole answer or one chunk of it to `draft`.
    fn read(
        &self,
        json: &[u8],
        draft: &mut Draft,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<(), ProviderError> {
        let completion: Completion = parse_json(json)?;
        if completion.error.is_some_and(|error| !error.is_null()) {
            return Err(self.error(STATUS_WITHIN_ANSWER, VendorError::parse(json)));
        }
        draft.upstream_model = completion.model.or(draft.upstream_model.take());
        // Some vendors repeat running totals; the last one counts.
        if let Some(usage) = completion.usage.filter(|usage| !usage.is_null()) {
            draft.usage = self.usage(&usage);
        }
        for choice in completion.choices.unwrap_or_default().into_iter().filter(|choice| choice.index == 0) {
            let message = choice.message.unwrap_or_default();
            if let Some(refusal) = message.refusal.filter(|refusal| !refusal.is_empty()) {
                return Err(content_refused(&refusal));
            }
            draft.push(&message.content.unwrap_or_default(), on_delta);
            for (place, call) in (0_u64..).zip(message.tool_calls.unwrap_or_default()) {
                let function = call.function.unwrap_or_default();
                let name = function.name.unwrap_or_default();
                let arguments = function.arguments.unwrap_or_default();
                // Whole answers have no numbers, and all calls at once.
                draft.push_call(call.index.unwrap_or(place), &name, &arguments)?;
            }
            if let Some(reason) = choice.finish_reason {
                draft.finish_reason = Some(finish_reason(&reason)?);
            }
        }
        Ok(())
    }

    fn usage(&self, usage: &Value) -> Option<Usage> {
        let prompt = count(usage, "/prompt_tokens")?;
        let completion = count(usage, "/completion_tokens")?;
        let cached = match count_or_zero(usage, "/prompt_cache_hit_tokens")? {
            0 => count_or_zero(usage, "/prompt_tokens_details/cached_tokens")?,
            hit => hit,
        };
        let output_tokens = if self.thinks_apart {
            let thinking = count_or_zero(usage, "/completion_tokens_details/reasoning_tokens")?;
            // The total shows whether this version of the service really leaves it out.
            match count_or_zero(usage, "/total_tokens")? {
                total if total == prompt + completion => completion,
                total if total == 0 || total == prompt + completion + thinking => completion + thinking,
                _ => return None,
            }
        } else {
            completion
        };
        Some(Usage { input_tokens: prompt, cached_input_tokens: cached, output_tokens })
    }
}

/// A turn; what functions gave are as many of them. Plain strings where there are only words: not every vendor and model
/// reads lists of parts.
fn message(message: &Message) -> Vec<Value> {
    let results = message.parts.iter().filter_map(|part| match part {
        Part::ToolResult(ToolResult { call_id, text, .. }) => {
            Some(json!({ "role": "tool", "tool_call_id": call_id, "content": text }))
        }
        _ => None,
    });
    let results: Vec<Value> = results.collect();
    if !results.is_empty() {
        return results;
    }
    let calls: Vec<Value> = message.parts.iter().filter_map(call).collect();
    let words = message.words();
    let content = match message.has_image() {
        true => message.parts.iter().filter_map(part).collect(),
        false if words.is_empty() && !calls.is_empty() => Value::Null,
        false => Value::String(words),
    };
    let mut body = json!({ "role": message.role.name(), "content": content });
    if !calls.is_empty() {
        body["tool_calls"] = json!(calls);
    }
    vec![body]
}

fn call(part: &Part) -> Option<Value> {
    let Part::ToolCall(ToolCall { id, function }) = part else { return None };
    let function = json!({ "name": function.name, "arguments": function.arguments });
    Some(json!({ "id": id, "type": "function", "function": function }))
}

fn add_options(options: &ChatOptions, body: &mut Map<String, Value>) {
    if !options.tools.is_empty() {
        body.insert("tools".into(), options.tools.iter().map(tool).collect());
    }
    let choice = match &options.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Function(name) => Some(json!({ "type": "function", "function": { "name": name } })),
    };
    body.extend(choice.map(|choice| ("tool_choice".into(), choice)));
    let format = match &options.format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(json!({ "type": "json_object" })),
        ResponseFormat::JsonSchema(schema) => {
            Some(json!({ "type": "json_schema", "json_schema": json_schema(schema) }))
        }
    };
    body.extend(format.map(|format| ("response_format".into(), format)));
    if !options.stop.is_empty() {
        body.insert("stop".into(), json!(options.stop));
    }
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name, "parameters": tool.parameters });
    if let Some(description) = &tool.description {
        function["description"] = json!(description);
    }
    if tool.strict {
        function["strict"] = json!(true);
    }
    json!({ "type": "function", "function": function })
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text(text) => Some(json!({ "type": "text", "text": text })),
        Part::Image(image) => Some(json!({ "type": "image_url", "image_url": { "url": image_url(image) } })),
        Part::ToolCall(_) | Part::ToolResult(_) => None,
    }
}

/// An image as OpenAI takes it everywhere: an address, or a data URL.
pub(crate) fn image_url(image: &Image) -> String {
    match image {
        Image::Url(url) => url.clone(),
        Image::Data { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
    }
}

fn finish_reason(reason: &str) -> Result<FinishReason, ProviderError> {
    match reason {
        "length" => Ok(FinishReason::Length),
        "tool_calls" => Ok(FinishReason::ToolCalls),
        "content_filter" => Err(content_refused("finish_reason content_filter")),
        // DeepSeek's; the text so far is not the answer.
        "insufficient_system_resource" => Err(ProviderError::new(
            ProviderErrorKind::Overloaded,
            "finish_reason insufficient_system_resource",
        )),
        _ => Ok(FinishReason::Stop),
    }
}

struct ChatStream {
    dialect: &'static Dialect,
    draft: Draft,
    has_ended: bool,
}

impl EventReader for ChatStream {
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        if data == "[DONE]" {
            self.has_ended = true;
            return Ok(());
        }
        self.dialect.read(data.as_bytes(), &mut self.draft, on_delta)
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn finish(self) -> Result<Answer, ProviderError> {
        self.draft.finish_stream(self.has_ended)
    }
}

/// A whole answer, or one chunk of a stream, which has `delta` where the other has `message`.
#[derive(Deserialize)]
struct Completion {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(alias = "delta")]
    message: Option<ChoiceMessage>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct ChoiceMessage {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ChoiceCall>>,
}

/// A call, or a piece of the call of that number.
#[derive(Deserialize)]
struct ChoiceCall {
    index: Option<u64>,
    function: Option<ChoiceFunction>,
}

#[derive(Default, Deserialize)]
struct ChoiceFunction {
    name: Option<String>,
    arguments: Option<String>,
}
