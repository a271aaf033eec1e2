//! DeepSeek: <https://api-docs.deepseek.com>. Chat completions.
//!
//! Settings: `thinking`, which is `enabled` or `disabled`, and `reasoning_effort`.

use crate::{
    adapter::{Adapter, ChatAdapter, KeyCarrier, Request, Response, StreamDecoder, settings},
    wire::{
        error::{VendorError, kind_of_status},
        openai_chat::Dialect,
        options::{refuse_strict_tools, refuse_tools, require_word_json, text_input},
    },
};
use domain::{
    params::FieldError,
    port::{Answer, Call, ProviderError, ProviderErrorKind},
    text::ResponseFormat,
};
use http::StatusCode;
use serde_json::{Map, json};

pub(crate) struct DeepSeek;

static CHAT: Dialect = Dialect { max_tokens_field: "max_tokens", thinks_apart: false, error_kind };

impl Adapter for DeepSeek {
    fn vendor(&self) -> &'static str {
        "deepseek"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.deepseek.com"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Bearer
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        CHAT.decode_error(response)
    }

    fn chat(&self) -> Option<&dyn ChatAdapter> {
        Some(self)
    }
}

impl ChatAdapter for DeepSeek {
    fn check(&self, call: &Call) -> Vec<FieldError> {
        let input = text_input(call);
        let options = &input.options;
        // While it thinks, the vendor wants its thoughts back with what a function gave, and clients do not keep them.
        let thinks = call.upstream.params.get("thinking").is_none_or(|thinking| thinking != "disabled");
        let tools = if thinks { refuse_tools(input) } else { None };
        let has_schema = matches!(options.format, ResponseFormat::JsonSchema(_));
        let schema = has_schema.then(|| {
            let error = FieldError::new("response_format.type", "this model does not follow a schema");
            error.allowing(["text", "json_object"])
        });
        let wrong = tools.into_iter().chain(schema).chain(require_word_json(input, true));
        wrong.chain(refuse_strict_tools(options)).collect()
    }

    fn encode(&self, call: &Call) -> Result<Request, ProviderError> {
        let [thinking, effort] = settings(&call.upstream, ["thinking", "reasoning_effort"])?;
        let mut extra = Map::new();
        extra.extend(thinking.map(|thinking| ("thinking".into(), json!({ "type": thinking }))));
        extra.extend(effort.map(|effort| ("reasoning_effort".into(), json!(effort))));
        Ok(CHAT.encode(call, extra))
    }

    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        CHAT.decode(call, response)
    }

    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder> {
        CHAT.stream_decoder(call)
    }
}

/// Statuses say nearly all; two refusals of status 400 are known by their words alone.
fn error_kind(status: StatusCode, error: &VendorError) -> ProviderErrorKind {
    if error.says_any(&["content exists risk", "content risk"]) {
        ProviderErrorKind::ContentRefused
    } else if error.says_any(&["model not exist"]) {
        ProviderErrorKind::ModelGone
    } else {
        kind_of_status(status)
    }
}
