//! OpenAI's Responses, which its largest models speak alone.

use super::{
    draft::Draft,
    error::{STATUS_WITHIN_ANSWER, VendorError, bad_response, content_refused, parse_json},
    openai_chat::image_url,
    usage::{count, count_or_zero},
};
use crate::{
    adapter::{Request, Response, StreamDecoder},
    sse::{EventReader, EventStream},
};
use domain::{
    port::{Answer, Call, FinishReason, Input, ProviderError, ProviderErrorKind, Usage},
    text::{Message, Part},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What an error means.
pub(crate) type ErrorKind = fn(StatusCode, &VendorError) -> ProviderErrorKind;

/// The request. `store` is false, because the vendor's default is to keep every conversation.
pub(crate) fn encode(call: &Call, extra: Map<String, Value>) -> Request {
    let Input::Text(input) = &call.input;
    let mut body = extra;
    body.insert("model".into(), json!(call.upstream.model));
    body.insert("input".into(), input.messages.iter().map(item).collect());
    body.insert("max_output_tokens".into(), json!(input.max_output_tokens));
    body.insert("store".into(), json!(false));
    body.extend(input.system.as_ref().map(|text| ("instructions".into(), json!(text))));
    body.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
    body.extend(input.top_p.map(|milli| ("top_p".into(), milli.to_json())));
    if call.stream {
        body.insert("stream".into(), json!(true));
    }
    Request::post_json("/responses", &Value::Object(body))
}

/// Words alone go as a string, which is right for both sides; as parts, what the model said would have another type
/// than what it was told.
fn item(message: &Message) -> Value {
    let has_image = message.parts.iter().any(|part| matches!(part, Part::Image(_)));
    let content = match has_image {
        true => message.parts.iter().map(part).collect(),
        false => Value::String(message.words()),
    };
    json!({ "role": message.role.name(), "content": content })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "input_text", "text": text }),
        Part::Image(image) => {
            json!({ "type": "input_image", "image_url": image_url(image), "detail": "auto" })
        }
    }
}

/// Reads an answer that came whole.
pub(crate) fn decode(response: &Response, error_kind: ErrorKind) -> Result<Answer, ProviderError> {
    let value: Value = parse_json(&response.body)?;
    let is_response = value["status"].is_string();
    if !is_response && !value["error"].is_null() {
        let error = VendorError::parse(&response.body);
        let kind = error_kind(STATUS_WITHIN_ANSWER, &error);
        return Err(error.into_error(kind, STATUS_WITHIN_ANSWER));
    }
    let response: ResponseObject = parse_json(&response.body)?;
    let mut draft = Draft::default();
    for part in response.output.iter().flatten().filter_map(|item| item.content.as_ref()).flatten() {
        match part {
            OutputPart::Text { text } => draft.push(text, &mut |_| {}),
            OutputPart::Refusal { refusal } => return Err(content_refused(refusal)),
            OutputPart::Other => {}
        }
    }
    conclude(&mut draft, response, error_kind)?;
    draft.finish()
}

/// A decoder for a streamed answer.
pub(crate) fn stream_decoder(error_kind: ErrorKind) -> Box<dyn StreamDecoder> {
    EventStream::boxed(ResponseStream { error_kind, draft: Draft::default(), has_ended: false })
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

struct ResponseStream {
    error_kind: ErrorKind,
    draft: Draft,
    has_ended: bool,
}

impl EventReader for ResponseStream {
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        match parse_json(data.as_bytes())? {
            Event::TextDelta { delta } => self.draft.push(&delta, on_delta),
            Event::RefusalDelta { delta: refusal } | Event::RefusalDone { refusal } => {
                return Err(content_refused(&refusal));
            }
            Event::Completed { response } | Event::Incomplete { response } | Event::Failed { response } => {
                conclude(&mut self.draft, response, self.error_kind)?;
                self.has_ended = true;
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
        self.has_ended
    }

    fn finish(self) -> Result<Answer, ProviderError> {
        self.draft.finish_stream(self.has_ended)
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

/// A message has parts; what the model thought has none that are of use.
#[derive(Deserialize)]
struct OutputItem {
    content: Option<Vec<OutputPart>>,
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
