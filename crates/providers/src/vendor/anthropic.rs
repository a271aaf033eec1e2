//! Anthropic: <https://docs.anthropic.com/en/api/messages>. No settings.

mod options;

use crate::{
    adapter::{Adapter, ChatAdapter, KeyCarrier, Request, Response, StreamDecoder, settings},
    sse::{EventReader, EventStream},
    wire::{
        draft::Draft,
        error::{STATUS_WITHIN_ANSWER, VendorError, content_refused, kind_of_status, parse_json},
        options::{arguments, text_input},
        turns::alternating,
        usage::{count, count_or_zero},
    },
};
use domain::{
    params::FieldError,
    port::{Answer, Call, FinishReason, ProviderError, ProviderErrorKind, Usage},
    text::{Image, Part, ToolCall, ToolResult},
};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) struct Anthropic;

impl Adapter for Anthropic {
    fn vendor(&self) -> &'static str {
        "anthropic"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.anthropic.com"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Header("x-api-key")
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        error(response.status, VendorError::parse(&response.body))
    }

    fn chat(&self) -> Option<&dyn ChatAdapter> {
        Some(self)
    }
}

impl ChatAdapter for Anthropic {
    fn check(&self, call: &Call) -> Vec<FieldError> {
        options::check(text_input(call))
    }

    fn encode(&self, call: &Call) -> Result<Request, ProviderError> {
        let [] = settings(&call.upstream, [])?;
        let input = text_input(call);
        let mut messages = Vec::with_capacity(input.messages.len());
        for (role, parts) in alternating(&input.messages) {
            let content = parts.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
            messages.push(json!({ "role": role.name(), "content": content }));
        }
        let mut body = Map::new();
        body.insert("model".into(), json!(call.upstream.model));
        body.insert("messages".into(), json!(messages));
        body.insert("max_tokens".into(), json!(input.max_output_tokens));
        body.extend(input.system.as_ref().map(|text| ("system".into(), json!(text))));
        body.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
        body.extend(input.top_p.map(|milli| ("top_p".into(), milli.to_json())));
        options::add(&input.options, &mut body);
        if call.stream {
            body.insert("stream".into(), json!(true));
        }
        let mut request = Request::post_json("/v1/messages", &Value::Object(body));
        request.headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        Ok(request)
    }

    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        let answer: WholeAnswer = parse_json(&response.body)?;
        let WholeAnswer::Message(message) = answer else {
            return Err(error(STATUS_WITHIN_ANSWER, VendorError::parse(&response.body)));
        };
        let is_json = options::is_json(&text_input(call).options);
        let mut draft = Draft::of(call);
        for block in message.content.unwrap_or_default() {
            match block {
                Block::Text { text } if !is_json => draft.push(&text, &mut |_| {}),
                Block::ToolUse { input, .. } if is_json => draft.push(&input.to_string(), &mut |_| {}),
                Block::ToolUse { name, input } => {
                    draft.push_next_call(&name, &input.to_string())?;
                }
                Block::Text { .. } | Block::Other => {}
            }
        }
        draft.upstream_model = message.model;
        draft.usage = message.usage.as_ref().and_then(usage);
        draft.finish_reason = message.stop_reason.as_deref().map(finish_reason).transpose()?;
        draft.finish()
    }

    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder> {
        let is_json = options::is_json(&text_input(call).options);
        EventStream::boxed(MessageStream { draft: Draft::of(call), is_json, ..MessageStream::default() })
    }
}

fn part(part: &Part) -> Result<Value, ProviderError> {
    Ok(match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image(Image::Url(url)) => {
            json!({ "type": "image", "source": { "type": "url", "url": url } })
        }
        Part::Image(Image::Data { media_type, base64 }) => {
            json!({ "type": "image", "source": { "type": "base64", "media_type": media_type, "data": base64 } })
        }
        Part::ToolCall(ToolCall { id, function }) => {
            let input = arguments(function)?;
            json!({ "type": "tool_use", "id": id, "name": function.name, "input": input })
        }
        Part::ToolResult(ToolResult { call_id, text, .. }) => {
            json!({ "type": "tool_result", "tool_use_id": call_id, "content": text })
        }
    })
}

/// New reasons appear with new models; one that is not known is a normal stop.
fn finish_reason(reason: &str) -> Result<FinishReason, ProviderError> {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Ok(FinishReason::Length),
        "tool_use" => Ok(FinishReason::ToolCalls),
        "refusal" => Err(content_refused("stop_reason refusal")),
        _ => Ok(FinishReason::Stop),
    }
}

/// The vendor's input leaves out what was cached or is being cached; ours is all of it.
fn usage(counts: &Value) -> Option<Usage> {
    let cached_input_tokens = count_or_zero(counts, "/cache_read_input_tokens")?;
    let to_cache = count_or_zero(counts, "/cache_creation_input_tokens")?;
    Some(Usage {
        input_tokens: count(counts, "/input_tokens")? + to_cache + cached_input_tokens,
        cached_input_tokens,
        output_tokens: count(counts, "/output_tokens")?,
    })
}

fn error(status: StatusCode, error: VendorError) -> ProviderError {
    let kind = match error.error_type.as_str() {
        _ if error.is_any(&["enforced_spend_limit_reached"]) => ProviderErrorKind::QuotaExhausted,
        "invalid_request_error" if error.says_any(&["content filtering policy"]) => {
            ProviderErrorKind::ContentRefused
        }
        "invalid_request_error" if error.says_any(&["credit balance", "spend limit", "usage limit"]) => {
            ProviderErrorKind::QuotaExhausted
        }
        "invalid_request_error" | "request_too_large" => ProviderErrorKind::RejectedRequest,
        "authentication_error" | "permission_error" => ProviderErrorKind::BadKey,
        "billing_error" => ProviderErrorKind::QuotaExhausted,
        "not_found_error" => ProviderErrorKind::ModelGone,
        "rate_limit_error" => ProviderErrorKind::RateLimited,
        // A conflict passes, as an overload does.
        "api_error" | "timeout_error" | "overloaded_error" | "conflict_error" => {
            ProviderErrorKind::Overloaded
        }
        _ => kind_of_status(status),
    };
    error.into_error(kind, status)
}

#[derive(Default)]
struct MessageStream {
    draft: Draft,
    /// Whether the text of the answer comes as the arguments of a call.
    is_json: bool,
    /// Counts are totals: each one that comes replaces the one before.
    counts: Map<String, Value>,
    has_ended: bool,
}

impl MessageStream {
    fn count(&mut self, usage: Option<Value>) {
        if let Some(Value::Object(counts)) = usage {
            self.counts.extend(counts.into_iter().filter(|(_, count)| !count.is_null()));
        }
    }
}

impl EventReader for MessageStream {
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        match parse_json(data.as_bytes())? {
            Event::MessageStart { message } => {
                self.draft.upstream_model = message.model;
                self.count(message.usage);
            }
            Event::ContentBlockStart { content_block: Block::Text { text }, .. }
            | Event::ContentBlockDelta { delta: Delta::Text { text }, .. }
                if !self.is_json =>
            {
                self.draft.push(&text, on_delta)
            }
            Event::ContentBlockDelta { delta: Delta::InputJson { partial_json }, .. } if self.is_json => {
                self.draft.push(&partial_json, on_delta)
            }
            Event::ContentBlockStart { index, content_block: Block::ToolUse { name, .. } }
                if !self.is_json =>
            {
                self.draft.push_call(index, &name, "")?;
            }
            Event::ContentBlockDelta { index, delta: Delta::InputJson { partial_json } } => {
                self.draft.push_call(index, "", &partial_json)?;
            }
            Event::MessageDelta { delta, usage } => {
                self.count(usage);
                if let Some(reason) = delta.stop_reason {
                    // Arguments that are an empty object may come as no piece at all.
                    if self.is_json && reason == "tool_use" && self.draft.is_silent() {
                        self.draft.push("{}", on_delta);
                    }
                    self.draft.finish_reason = Some(finish_reason(&reason)?);
                }
            }
            Event::MessageStop => self.has_ended = true,
            Event::Error => return Err(error(STATUS_WITHIN_ANSWER, VendorError::parse(data.as_bytes()))),
            // Pings, what the model thinks, and events that do not exist yet.
            Event::ContentBlockStart { .. } | Event::ContentBlockDelta { .. } | Event::Other => {}
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn finish(mut self) -> Result<Answer, ProviderError> {
        self.draft.usage = usage(&Value::Object(self.counts));
        self.draft.finish_stream(self.has_ended)
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WholeAnswer {
    Message(WholeMessage),
    Error,
}

#[derive(Deserialize)]
struct WholeMessage {
    content: Option<Vec<Block>>,
    model: Option<String>,
    stop_reason: Option<String>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolUse {
        name: String,
        input: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: WholeMessage,
    },
    ContentBlockStart {
        #[serde(default)]
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        #[serde(default)]
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: MessageDelta,
        usage: Option<Value>,
    },
    MessageStop,
    Error,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageDelta {
    stop_reason: Option<String>,
}
