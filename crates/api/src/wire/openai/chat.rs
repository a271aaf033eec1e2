//! The body of `POST /v1/chat/completions`.

use super::{Fields, messages, tools};
use crate::error::ApiError;
use app::GenerateRequest;
use domain::{catalog::Category, params::FieldError, text::Chat};
use serde_json::{Map, Value, json};

/// The two names of the ceiling on output, the newer one first. Ours is the older one.
const CEILINGS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// A request, read.
pub(crate) struct ChatRequest {
    /// What is to be generated.
    pub(crate) generate: GenerateRequest,
    /// Whether a stream is to tell at its end what was used.
    pub(crate) include_usage: bool,
    /// Our names of fields by those under which this client sent them.
    pub(crate) renamed: [(&'static str, &'static str); 1],
}

/// Reads a body. What a model takes of it is for the model to say.
///
/// # Errors
/// Every wrong field, and every one that is not supported.
pub(crate) fn read(body: Map<String, Value>) -> Result<ChatRequest, ApiError> {
    let mut errors = Vec::new();
    let mut body = Fields::new(body, &mut errors);
    body.ignore(&["user", "metadata"]);
    body.only("n", &json!(1));
    let model = body.require_text("model").unwrap_or_default();
    let mut params = Map::new();
    for name in ["temperature", "top_p"] {
        params.extend(body.take(name).map(|value| (name.to_owned(), value)));
    }
    let (ceiling_name, ceiling) = read_ceiling(&mut body);
    params.extend(ceiling.map(|ceiling| ("max_tokens".to_owned(), ceiling)));
    let stream = body.flag("stream");
    params.insert("stream".to_owned(), Value::Bool(stream));
    let include_usage = read_stream_options(&mut body, stream);
    let chat = Chat { messages: messages::read(&mut body), options: tools::read(&mut body) };
    body.finish();
    if !errors.is_empty() {
        return Err(ApiError::validation(errors));
    }
    let category = Some(Category::Text);
    let generate = GenerateRequest { chat: Some(chat), category, ..GenerateRequest::new(model, params) };
    Ok(ChatRequest { generate, include_usage, renamed: [("max_tokens", ceiling_name)] })
}

fn read_ceiling(body: &mut Fields<'_>) -> (&'static str, Option<Value>) {
    let [newer, older] = CEILINGS.map(|name| body.take(name).map(|value| (name, value)));
    match (newer, older) {
        (Some((name, new)), Some((_, old))) if new != old => {
            body.wrong(name, "stands beside another max_tokens");
            (name, Some(new))
        }
        (Some((name, value)), _) | (None, Some((name, value))) => (name, Some(value)),
        (None, None) => ("max_tokens", None),
    }
}

fn read_stream_options(body: &mut Fields<'_>, stream: bool) -> bool {
    const NAME: &str = "stream_options";
    let Some(mut options) = body.object(NAME) else { return false };
    let include_usage = options.flag("include_usage");
    options.finish();
    if !stream {
        body.push(FieldError::new(NAME, "needs stream"));
    }
    include_usage
}
