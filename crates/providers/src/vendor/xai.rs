//! xAI: <https://docs.x.ai>. Chat completions.
//!
//! Setting: `reasoning_effort`.

use crate::{
    adapter::{Adapter, ChatAdapter, KeyCarrier, Request, Response, StreamDecoder, settings},
    wire::{
        error::{VendorError, kind_of_status},
        openai_chat::Dialect,
        options::{refuse_stop, refuse_strict_tools, text_input},
    },
};
use domain::{
    params::FieldError,
    port::{Answer, Call, ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use serde_json::{Map, json};

pub(crate) struct Xai;

static CHAT: Dialect = Dialect { max_tokens_field: "max_completion_tokens", thinks_apart: true, error_kind };

impl Adapter for Xai {
    fn vendor(&self) -> &'static str {
        "xai"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.x.ai/v1"
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

impl ChatAdapter for Xai {
    fn check(&self, call: &Call) -> Vec<FieldError> {
        let options = &text_input(call).options;
        // Models that think refuse it.
        let takes_stop = call.upstream.model.contains("non-reasoning");
        let stop = if takes_stop { None } else { refuse_stop(options) };
        stop.into_iter().chain(refuse_strict_tools(options)).collect()
    }

    fn encode(&self, call: &Call) -> Result<Request, ProviderError> {
        let [effort] = settings(&call.upstream, ["reasoning_effort"])?;
        let extra = effort.map(|effort| ("reasoning_effort".into(), json!(effort)));
        Ok(CHAT.encode(call, Map::from_iter(extra)))
    }

    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        CHAT.decode(call, response)
    }

    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder> {
        CHAT.stream_decoder(call)
    }
}

/// Codes are the texts of gRPC statuses and too coarse; a wrong key, an unknown model, spent credit and refused content
/// all come under statuses that mean something else, and only their words tell.
fn error_kind(status: StatusCode, error: &VendorError) -> ProviderErrorKind {
    if error.says_any(&["incorrect api key", "invalid api key"]) {
        ProviderErrorKind::BadKey
    } else if error.says_any(&["model not found"]) {
        ProviderErrorKind::ModelGone
    } else if error.says_any(&["safety check", "safety_check", "usage guidelines"]) {
        ProviderErrorKind::ContentRefused
    } else if error.says_any(&["available credits", "have any credits", "spending limit"]) {
        ProviderErrorKind::QuotaExhausted
    } else {
        kind_of_status(status)
    }
}
