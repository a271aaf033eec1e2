//! MiniMax: <https://platform.minimax.io/docs>. Speech, in one exchange.
//!
//! Setting: `group_id`, which keys of older accounts need.

use crate::{
    adapter::{
        Adapter, AnswerForm, Exchange, InputForm, KeyCarrier, MediaAdapter, Reply, Request, Response, Step,
        rejected, settings,
    },
    wire::{
        error::{STATUS_WITHIN_ANSWER, VendorError, bad_response, kind_of_status},
        job::{self, path_segment},
        media::{at_once, no_jobs, not_made, only, product, words},
    },
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, ProductFile},
    port::{ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

pub(crate) struct MiniMax;

/// Characters up to which sound is taken within the answer. In hex it has twice its size, and the longest texts as WAV
/// would come to far more than an answer may have; those are fetched from an address that the vendor keeps for a day.
const MAX_CHARS_WITHIN_ANSWER: usize = 100;

impl Adapter for MiniMax {
    fn vendor(&self) -> &'static str {
        "minimax"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.minimax.io"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Bearer
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        let answer = serde_json::from_slice(&response.body).unwrap_or_default();
        error_within(&answer, response.status).unwrap_or_else(|| {
            let error = VendorError::parse(&response.body);
            error.into_error(kind_of_status(response.status), response.status)
        })
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

impl MediaAdapter for MiniMax {
    fn makes(&self, category: Category) -> bool {
        category == Category::Tts
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        match call.category {
            Category::Tts => Ok(at_once(speech(call)?, AnswerForm::Memory)),
            other => Err(not_made(other)),
        }
    }

    fn next(&self, _: &MediaCall, _: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        let answer: Value = job::read(reply)?;
        if let Some(error) = error_within(&answer, STATUS_WITHIN_ANSWER) {
            return Err(error);
        }
        let sound = answer["data"]["audio"].as_str().filter(|sound| !sound.is_empty());
        let sound = sound.ok_or_else(|| bad_response("the answer has no sound"))?;
        let file = if sound.starts_with("http") {
            ProductFile::Url(sound.to_owned())
        } else {
            ProductFile::Bytes(hex::decode(sound).map_err(|_| bad_response("the sound is no hex"))?)
        };
        Ok(Step::Done(product(file)))
    }

    fn poll(&self, _: &MediaCall, _: &JobState) -> Result<Exchange, ProviderError> {
        Err(no_jobs())
    }

    fn cancel(&self, _: &MediaCall, _: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(None)
    }
}

fn speech(call: &MediaCall) -> Result<Request, ProviderError> {
    let [group] = settings(&call.upstream, ["group_id"])?;
    only(call, &["text", "voice_id", "speed", "format"])?;
    let text = words(call, "text")?;
    let mut voice = Map::new();
    voice.insert("voice_id".into(), json!(words(call, "voice_id")?));
    voice.extend(call.params.decimal("speed").map(|speed| ("speed".into(), speed.to_json())));
    let is_short = text.chars().nth(MAX_CHARS_WITHIN_ANSWER).is_none();
    let body = json!({
        "model": call.upstream.model,
        "text": text,
        "stream": false,
        "voice_setting": voice,
        "audio_setting": { "format": call.params.text("format").unwrap_or("mp3") },
        "output_format": if is_short { "hex" } else { "url" },
    });
    let path = match group.map(path_segment).transpose() {
        Ok(Some(group)) => format!("/v1/t2a_v2?GroupId={group}"),
        Ok(None) => "/v1/t2a_v2".to_owned(),
        Err(_) => return Err(rejected("the setting `group_id` is a number")),
    };
    Ok(Request::post_json(path, &body))
}

/// What `base_resp` says is wrong: trouble comes under status 200 too.
fn error_within(answer: &Value, status: StatusCode) -> Option<ProviderError> {
    let code = answer["base_resp"]["status_code"].as_i64().filter(|code| *code != 0)?;
    let says = answer["base_resp"]["status_msg"].as_str().unwrap_or_default();
    let trace = answer["trace_id"].as_str().unwrap_or_default();
    let kind = kind_of_code(code).unwrap_or_else(|| kind_of_status(status));
    Some(ProviderError::new(kind, format!("{code}: {says} (trace_id {trace})")))
}

/// The vendor's table of codes; `None` for one that it does not name.
fn kind_of_code(code: i64) -> Option<ProviderErrorKind> {
    match code {
        1000 | 1013 | 1024 | 1033 => Some(ProviderErrorKind::Overloaded),
        1001 => Some(ProviderErrorKind::Timeout),
        1002 | 1039 | 1041 => Some(ProviderErrorKind::RateLimited),
        1004 | 2049 => Some(ProviderErrorKind::BadKey),
        1008 | 2056 => Some(ProviderErrorKind::QuotaExhausted),
        1026 | 1027 => Some(ProviderErrorKind::ContentRefused),
        1042..=1044 | 2013 | 2037 | 2039 | 2042 | 2054 | 20132 => Some(ProviderErrorKind::RejectedRequest),
        _ => None,
    }
}
