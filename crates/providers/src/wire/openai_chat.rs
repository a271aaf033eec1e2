//! OpenAI's chat completions, which several vendors speak with small differences.

use super::{
    draft::Draft,
    error::{STATUS_WITHIN_ANSWER, VendorError, content_refused, parse_json},
    usage::{count, count_or_zero},
};
use crate::{
    adapter::{Request, Response, StreamDecoder},
    sse::{EventReader, EventStream},
};
use domain::{
    port::{Answer, Call, FinishReason, Input, ProviderError, ProviderErrorKind, Usage},
    text::{Image, Message, Part},
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
        let Input::Text(input) = &call.input;
        let system = input.system.iter().map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.chain(input.messages.iter().map(message)).collect();
        let mut body = extra;
        body.insert("model".into(), json!(call.upstream.model));
        body.insert("messages".into(), json!(messages));
        body.insert(self.max_tokens_field.into(), json!(input.max_output_tokens));
        body.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
        body.extend(input.top_p.map(|milli| ("top_p".into(), milli.to_json())));
        if call.stream {
            body.insert("stream".into(), json!(true));
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        Request::post_json("/chat/completions", &Value::Object(body))
    }

    /// Reads an answer that came whole. Blank lines before it, which keep a connection alive, are nothing to JSON.
    pub(crate) fn decode(&self, response: &Response) -> Result<Answer, ProviderError> {
        let mut draft = Draft::default();
        self.read(&response.body, &mut draft, &mut |_| {})?;
        draft.finish()
    }

    /// Reads an answer of a status other than 2xx.
    pub(crate) fn decode_error(&self, response: &Response) -> ProviderError {
        self.error(response.status, VendorError::parse(&response.body))
    }

    /// A decoder for a streamed answer.
    pub(crate) fn stream_decoder(&'static self) -> Box<dyn StreamDecoder> {
        EventStream::boxed(ChatStream { dialect: self, draft: Draft::default(), has_ended: false })
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

/// Plain strings where there are only words: not every vendor and model reads lists of parts.
fn message(message: &Message) -> Value {
    let has_image = message.parts.iter().any(|part| matches!(part, Part::Image(_)));
    let content = match has_image {
        true => message.parts.iter().map(part).collect(),
        false => Value::String(message.words()),
    };
    json!({ "role": message.role.name(), "content": content })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image(image) => json!({ "type": "image_url", "image_url": { "url": image_url(image) } }),
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
}
