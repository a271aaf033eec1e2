//! Chat completions, whole and in chunks.

use app::Finished;
use domain::{id::GenerationId, text::ToolCall, time::Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// How an answer ended, as its record has it.
struct Outcome {
    calls: Vec<CallBody>,
    finish_reason: String,
    usage: Option<UsageBody>,
}

impl Outcome {
    fn of(finished: &Finished) -> Self {
        let mut metadata: Value = serde_json::from_str(&finished.metadata).unwrap_or_default();
        let calls = metadata.get_mut("tool_calls").map(Value::take).unwrap_or_default();
        let calls = serde_json::from_value::<Vec<ToolCall>>(calls);
        Self {
            calls: calls.unwrap_or_default().into_iter().map(CallBody::from).collect(),
            finish_reason: metadata["finish_reason"].as_str().unwrap_or("stop").to_owned(),
            usage: UsageBody::read(&metadata["usage"]),
        }
    }
}

/// The vendor's tokens.
#[derive(Clone, Copy, Serialize)]
struct UsageBody {
    prompt_tokens: i64,
    completion_tokens: i64,
    total_tokens: i64,
}

impl UsageBody {
    /// Not every vendor tells every time.
    fn read(usage: &Value) -> Option<Self> {
        let prompt_tokens = usage["input_tokens"].as_i64()?;
        let completion_tokens = usage["output_tokens"].as_i64()?;
        let total_tokens = prompt_tokens.saturating_add(completion_tokens);
        Some(Self { prompt_tokens, completion_tokens, total_tokens })
    }
}

#[derive(Serialize)]
struct CallBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Value,
    /// What the vendor wants back with the call, where Google's own face in this shape has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Value>,
}

impl From<ToolCall> for CallBody {
    fn from(ToolCall { id, function }: ToolCall) -> Self {
        let extra = |signature| json!({ "google": { "thought_signature": signature } });
        Self {
            index: None,
            id,
            kind: "function",
            function: json!({ "name": function.name, "arguments": function.arguments }),
            extra_content: function.signature.map(extra),
        }
    }
}

/// A whole answer.
#[derive(Serialize)]
pub(crate) struct Completion {
    id: String,
    object: &'static str,
    created: i64,
    model: String,
    choices: [Choice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageBody>,
}

#[derive(Serialize)]
struct Choice {
    index: u8,
    message: MessageBody,
    logprobs: Option<()>,
    finish_reason: String,
}

#[derive(Serialize)]
struct MessageBody {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallBody>,
}

impl From<&Finished> for Completion {
    fn from(finished: &Finished) -> Self {
        let Outcome { calls, finish_reason, usage } = Outcome::of(finished);
        // Where nothing was said and nothing is called, nothing is what was said.
        let silence = calls.is_empty().then(String::new);
        let content = finished.text.as_deref().map(str::to_owned).or(silence);
        let message = MessageBody { role: "assistant", content, refusal: None, tool_calls: calls };
        Self {
            id: completion_id(finished.id),
            object: "chat.completion",
            created: unix_s(finished.created_at),
            model: finished.model_slug.clone(),
            choices: [Choice { index: 0, message, logprobs: None, finish_reason }],
            usage,
        }
    }
}

/// The generation's id, as part of the answer's.
fn completion_id(id: GenerationId) -> String {
    format!("chatcmpl-{}", id.0)
}

fn unix_s(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(1_000)
}

/// What all chunks of one stream share.
pub(crate) struct Chunks {
    /// The generation.
    pub(crate) id: GenerationId,
    /// The slug of the model.
    pub(crate) model: String,
    /// When the stream began.
    pub(crate) created_at: Timestamp,
    /// Whether what was used is told at the end, and so has its place in every chunk.
    pub(crate) include_usage: bool,
}

impl Chunks {
    /// The first: who speaks.
    pub(crate) fn first(&self) -> Value {
        self.chunk(&json!({ "role": "assistant", "content": "", "refusal": null }), None)
    }

    /// A piece of the text.
    pub(crate) fn delta(&self, text: &str) -> Value {
        self.chunk(&json!({ "content": text }), None)
    }

    /// What follows the text: calls, the reason for the end, and what was used.
    pub(crate) fn last(&self, finished: &Finished) -> Vec<Value> {
        let Outcome { calls, finish_reason, usage } = Outcome::of(finished);
        let numbered = calls.into_iter().enumerate();
        let calls = numbered.map(|(index, call)| CallBody { index: Some(index), ..call });
        let mut chunks: Vec<Value> =
            calls.map(|call| self.chunk(&json!({ "tool_calls": [call] }), None)).collect();
        chunks.push(self.chunk(&json!({}), Some(&finish_reason)));
        if self.include_usage {
            let mut chunk = self.bare(&json!([]));
            chunk["usage"] = json!(usage);
            chunks.push(chunk);
        }
        chunks
    }

    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        self.bare(&json!([{
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": finish_reason,
        }]))
    }

    fn bare(&self, choices: &Value) -> Value {
        let mut chunk = json!({
            "id": completion_id(self.id),
            "object": "chat.completion.chunk",
            "created": unix_s(self.created_at),
            "model": self.model,
            "choices": choices,
        });
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}
