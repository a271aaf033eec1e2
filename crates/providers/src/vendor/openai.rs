//! OpenAI: <https://platform.openai.com/docs/api-reference>.
//!
//! Settings, all of text models: `reasoning_effort`, and `api`, which is `chat` or `responses`. Without it a model that
//! OpenAI serves by Responses alone is asked there, and any other by chat completions.

mod media;

use crate::{
    adapter::{
        Adapter, ChatAdapter, KeyCarrier, MediaAdapter, Request, Response, StreamDecoder, rejected, settings,
    },
    wire::{
        error::{VendorError, kind_of_status},
        openai_chat::Dialect,
        openai_responses,
        options::{refuse_stop, require_word_json, text_input},
    },
};
use domain::{
    params::FieldError,
    port::{Answer, Call, ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use serde_json::{Map, json};

pub(crate) struct OpenAi;

/// The newer name of the ceiling: the GPT-5 family refuses `max_tokens`.
static CHAT: Dialect = Dialect { max_tokens_field: "max_completion_tokens", thinks_apart: false, error_kind };

/// Models, with all their snapshots, that chat completions do not serve.
const RESPONSES_ONLY: [&str; 1] = ["gpt-5.2-pro"];

/// The models that think refuse `stop`: <https://github.com/huggingface/smolagents/issues/1893>.
const WITHOUT_STOP: &str = "gpt-5";

enum Api {
    Chat,
    Responses,
}

impl Api {
    fn of(call: &Call) -> Result<Self, ProviderError> {
        match call.upstream.params.get("api").map(String::as_str) {
            Some("chat") => Ok(Self::Chat),
            Some("responses") => Ok(Self::Responses),
            Some(other) => Err(rejected(format!("the setting `api` is chat or responses, not `{other}`"))),
            None if RESPONSES_ONLY.iter().any(|model| call.upstream.model.starts_with(model)) => {
                Ok(Self::Responses)
            }
            None => Ok(Self::Chat),
        }
    }
}

impl Adapter for OpenAi {
    fn vendor(&self) -> &'static str {
        "openai"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.openai.com/v1"
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

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

impl ChatAdapter for OpenAi {
    fn check(&self, call: &Call) -> Vec<FieldError> {
        let input = text_input(call);
        let is_responses = matches!(Api::of(call), Ok(Api::Responses));
        // Nor does Responses have a field for it.
        let takes_stop = !is_responses && !call.upstream.model.starts_with(WITHOUT_STOP);
        let stop = if takes_stop { None } else { refuse_stop(&input.options) };
        stop.into_iter().chain(require_word_json(input, !is_responses)).collect()
    }

    fn encode(&self, call: &Call) -> Result<Request, ProviderError> {
        let [_, effort] = settings(&call.upstream, ["api", "reasoning_effort"])?;
        let mut extra = Map::new();
        match Api::of(call)? {
            Api::Chat => {
                extra.extend(effort.map(|effort| ("reasoning_effort".into(), json!(effort))));
                Ok(CHAT.encode(call, extra))
            }
            Api::Responses => {
                extra.extend(effort.map(|effort| ("reasoning".into(), json!({ "effort": effort }))));
                Ok(openai_responses::encode(call, extra))
            }
        }
    }

    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError> {
        match Api::of(call)? {
            Api::Chat => CHAT.decode(call, response),
            Api::Responses => openai_responses::decode(call, response, error_kind),
        }
    }

    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder> {
        match Api::of(call) {
            Ok(Api::Responses) => openai_responses::stream_decoder(call, error_kind),
            Ok(Api::Chat) | Err(_) => CHAT.stream_decoder(call),
        }
    }
}

fn error_kind(status: StatusCode, error: &VendorError) -> ProviderErrorKind {
    const BAD_KEY: [&str; 2] = ["invalid_api_key", "invalid_authentication"];
    const QUOTA: [&str; 6] = [
        "insufficient_quota",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
    ];
    const CONTENT: [&str; 5] = [
        "content_filter",
        "content_policy_violation",
        "image_content_policy_violation",
        "moderation_blocked",
        "bio_policy",
    ];
    const REJECTED: [&str; 4] =
        ["unsupported_parameter", "unsupported_value", "context_length_exceeded", "invalid_prompt"];
    if error.is_any(&BAD_KEY) {
        ProviderErrorKind::BadKey
    } else if error.is_any(&QUOTA) {
        ProviderErrorKind::QuotaExhausted
    } else if error.is_any(&CONTENT)
        // Reasoning models refuse a prompt by the code of a malformed one.
        || error.is_any(&["invalid_prompt"]) && error.says_any(&["usage policy", "flagged"])
    {
        ProviderErrorKind::ContentRefused
    } else if error.is_any(&["model_not_found"]) {
        ProviderErrorKind::ModelGone
    } else if error.is_any(&["rate_limit_exceeded", "slow_down", "rate_limit_error"]) {
        ProviderErrorKind::RateLimited
    } else if error.is_any(&["server_is_overloaded", "service_unavailable_error", "server_error"]) {
        ProviderErrorKind::Overloaded
    } else if error.is_any(&REJECTED) {
        ProviderErrorKind::RejectedRequest
    } else {
        kind_of_status(status)
    }
}
