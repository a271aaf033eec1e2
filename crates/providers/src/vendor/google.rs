//! Google Gemini: <https://ai.google.dev/api/generate-content>.
//!
//! Settings: `thinking_budget`, a number of tokens, and `thinking_level`, of which a model takes one. Safety settings
//! stay the vendor's own. Images are carried in the request, as the vendor fetches none.

mod options;

use crate::{
    adapter::{Adapter, ChatAdapter, KeyCarrier, Request, Response, StreamDecoder, rejected, settings},
    sse::{EventReader, EventStream},
    wire::{
        draft::Draft,
        error::{
            STATUS_WITHIN_ANSWER, VendorError, bad_response, content_refused, kind_of_status, parse_json,
        },
        options::{refuse_json_beside_tools, refuse_strict_tools, text_input},
        turns::alternating,
        usage::{count, count_or_zero},
    },
};
use domain::{
    params::{FieldError, Milli},
    port::{Answer, Call, FinishReason, ProviderError, ProviderErrorKind, Usage},
    text::{Image, Part, Role, TextInput},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) struct Google;

impl Adapter for Google {
    fn vendor(&self) -> &'static str {
        "google"
    }

    fn default_base_url(&self) -> &'static str {
        "https://generativelanguage.googleapis.com"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Header("x-goog-api-key")
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        error(response.status, VendorError::parse(&response.body))
    }

    fn chat(&self) -> Option<&dyn ChatAdapter> {
        Some(self)
    }
}

impl ChatAdapter for Google {
    fn check(&self, call: &Call) -> Vec<FieldError> {
        let options = &text_input(call).options;
        refuse_json_beside_tools(options).into_iter().chain(refuse_strict_tools(options)).collect()
    }

    fn encode(&self, call: &Call) -> Result<Request, ProviderError> {
        let input = text_input(call);
        let mut contents = Vec::with_capacity(input.messages.len());
        let mut turns = alternating(&input.messages);
        options::order_results(&mut turns);
        for (role, parts) in turns {
            let role = if role == Role::Assistant { "model" } else { "user" };
            let mut parts = parts.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
            options::sign_first_call(&call.upstream.model, &mut parts);
            contents.push(json!({ "role": role, "parts": parts }));
        }
        let mut body = Map::new();
        body.insert("contents".into(), json!(contents));
        body.insert("generationConfig".into(), generation_config(call, input)?);
        if let Some(text) = &input.system {
            body.insert("systemInstruction".into(), json!({ "parts": [{ "text": text }] }));
        }
        options::add_tools(&input.options, &mut body);
        let method = if call.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = format!("/v1beta/models/{}:{method}", call.upstream.model);
        Ok(Request::post_json(path, &Value::Object(body)))
    }

    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        let mut draft = Draft::of(call);
        read(&response.body, &mut draft, &mut |_| {})?;
        draft.finish()
    }

    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder> {
        EventStream::boxed(ContentStream(Draft::of(call)))
    }
}

fn generation_config(call: &Call, input: &TextInput) -> Result<Value, ProviderError> {
    let [budget, level] = settings(&call.upstream, ["thinking_budget", "thinking_level"])?;
    let mut thinking = Map::new();
    if let Some(budget) = budget {
        let tokens: i64 =
            budget.parse().map_err(|_| rejected("the setting `thinking_budget` is a whole number"))?;
        thinking.insert("thinkingBudget".into(), json!(tokens));
    }
    thinking.extend(level.map(|level| ("thinkingLevel".into(), json!(level))));
    let mut config = Map::new();
    config.insert("maxOutputTokens".into(), json!(input.max_output_tokens));
    config.extend(input.temperature.map(|milli| ("temperature".into(), milli.to_json())));
    config.extend(input.top_p.map(|milli| ("topP".into(), milli.to_json())));
    options::add_format(&input.options, &mut config);
    if !thinking.is_empty() {
        config.insert("thinkingConfig".into(), Value::Object(thinking));
    }
    Ok(Value::Object(config))
}

fn part(part: &Part) -> Result<Value, ProviderError> {
    match part {
        Part::Text(text) => Ok(json!({ "text": text })),
        Part::Image(Image::Data { media_type, base64 }) => {
            Ok(json!({ "inlineData": { "mimeType": media_type, "data": base64 } }))
        }
        Part::Image(Image::Url(_)) => {
            Err(rejected("the vendor takes images only within the request, not by URL"))
        }
        Part::ToolCall(call) => options::call_part(&call.function),
        Part::ToolResult(result) => Ok(options::result_part(result)),
    }
}

/// Adds a whole answer, or one frame of a stream, which has the same shape, to `draft`.
fn read(json: &[u8], draft: &mut Draft, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
    let content: Content = parse_json(json)?;
    if content.error.is_some_and(|error| !error.is_null()) {
        return Err(error(STATUS_WITHIN_ANSWER, VendorError::parse(json)));
    }
    if let Some(reason) = content.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        return Err(content_refused(&format!("blockReason {reason}")));
    }
    draft.upstream_model = content.model_version.or(draft.upstream_model.take());
    if let Some(counts) = content.usage_metadata.filter(|counts| !counts.is_null()) {
        draft.usage = usage(&counts);
    }
    for candidate in
        content.candidates.unwrap_or_default().into_iter().filter(|candidate| candidate.index == 0)
    {
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        for part in parts.into_iter().filter(|part| !part.thought) {
            draft.push(&part.text.unwrap_or_default(), on_delta);
            if let Some(Called { name, args }) = part.function_call {
                let arguments = args.map(|args| args.to_string()).unwrap_or_default();
                draft.push_next_call(&name, &arguments)?.signature = part.thought_signature;
            }
        }
        if let Some(reason) = candidate.finish_reason {
            draft.finish_reason = Some(finish_reason(&reason)?);
        }
    }
    Ok(())
}

fn finish_reason(reason: &str) -> Result<FinishReason, ProviderError> {
    match reason {
        "STOP" => Ok(FinishReason::Stop),
        "MAX_TOKENS" => Ok(FinishReason::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Err(content_refused(&format!("finishReason {reason}"))),
        // All others are ways to fail, and new ones are more likely to be that than a clean end.
        _ => Err(bad_response(format!("the answer ended with finishReason {reason}"))),
    }
}

/// The vendor's output leaves hidden thinking out; ours is all of it. Counts of zero are not sent.
fn usage(counts: &Value) -> Option<Usage> {
    Some(Usage {
        input_tokens: count(counts, "/promptTokenCount")?,
        cached_input_tokens: count_or_zero(counts, "/cachedContentTokenCount")?,
        output_tokens: count_or_zero(counts, "/candidatesTokenCount")?
            + count_or_zero(counts, "/thoughtsTokenCount")?,
    })
}

fn error(status: StatusCode, mut error: VendorError) -> ProviderError {
    // Here `code` is the HTTP status, which counts where the answer's own is 200, and `status` is the name.
    let own_status = error.code.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
    let status = own_status.unwrap_or(status);
    error.code = error.object["status"].as_str().unwrap_or_default().to_owned();
    let details: Details = serde_json::from_value(error.object.clone()).unwrap_or_default();
    let has_reason =
        |reason: &str| details.details.iter().any(|detail| detail.reason.as_deref() == Some(reason));
    let mut violations = details.details.iter().flat_map(|detail| &detail.violations);
    let kind = match status.as_u16() {
        _ if has_reason("API_KEY_INVALID") => ProviderErrorKind::BadKey,
        // The account behind the key may not use the service: its region, or no billing.
        400 if error.code == "FAILED_PRECONDITION" => ProviderErrorKind::BadKey,
        429 if violations.any(|violation| violation.quota_id.contains("PerDay")) => {
            ProviderErrorKind::QuotaExhausted
        }
        _ => kind_of_status(status),
    };
    let retry_after_ms = details.details.iter().find_map(|detail| {
        let seconds = detail.retry_delay.as_deref()?.strip_suffix('s')?;
        Milli::parse(seconds).map(|seconds| seconds.0).filter(|ms| *ms >= 0)
    });
    ProviderError { retry_after_ms, ..error.into_error(kind, status) }
}

/// The stream has no end of its own: a reason to finish comes with the last frame, and then the body ends.
struct ContentStream(Draft);

impl EventReader for ContentStream {
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        read(data.as_bytes(), &mut self.0, on_delta)
    }

    fn has_ended(&self) -> bool {
        false
    }

    fn finish(self) -> Result<Answer, ProviderError> {
        self.0.finish_stream(true)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Value>,
    model_version: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    index: u64,
    content: Option<CandidateContent>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct CandidateContent {
    parts: Option<Vec<CandidatePart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidatePart {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    function_call: Option<Called>,
    thought_signature: Option<String>,
}

#[derive(Deserialize)]
struct Called {
    name: String,
    args: Option<Value>,
}

/// Of an error's details, what three kinds of them hold.
#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    reason: Option<String>,
    retry_delay: Option<String>,
    #[serde(default)]
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Violation {
    #[serde(default)]
    quota_id: String,
}
