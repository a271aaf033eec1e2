//! Midjourney, through the protocol of midjourney-proxy: <https://github.com/novicezk/midjourney-proxy>. Jobs.
//!
//! The vendor has no API of its own, so the operator says whose proxy is used. The model is what is submitted: `imagine`,
//! a grid of four pictures in one, or `video`, a clip that begins with a picture.
//!
//! Settings: `mode`, which is `relax`, `fast` or `turbo`, for proxies that tell them apart by path. Of `imagine`: `flags`,
//! put after every prompt. Of `video`: `videoType`, `batchSize`, and `motion`, which is `low` or `high`.

mod prompt;
mod submit;
mod task;

use crate::{
    adapter::{
        Adapter, AnswerForm, Callbacks, Exchange, InputForm, KeyCarrier, MediaAdapter, Repeat, Reply,
        Request, Response, Step, rejected,
    },
    wire::{
        error::{VendorError, kind_of_status},
        job::{keep, path_segment, recall},
    },
};
use domain::{
    catalog::Category,
    media::{Job, JobState, MediaCall},
    port::{ProviderError, ProviderErrorKind},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) struct Midjourney;

/// A task that the proxy has taken on.
#[derive(Deserialize, Serialize)]
struct Task {
    task_id: String,
    /// Polls in a row that found it unknown.
    #[serde(default)]
    unknown_polls: u32,
}

/// Polls in a row after which a task that is not known will not be: some three minutes, as the pauses between them grow.
const MAX_UNKNOWN_POLLS: u32 = 20;

/// Tasks take half a minute at least, and proxies ask not to be asked more often.
const POLL_AFTER_MS: i64 = 4_000;

impl Adapter for Midjourney {
    fn vendor(&self) -> &'static str {
        "midjourney"
    }

    /// There is none: every proxy is somebody's own.
    fn default_base_url(&self) -> &'static str {
        ""
    }

    /// The proxy's own code asks for the header, resellers for a bearer; each leaves the other alone.
    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::BearerAndHeader("mj-api-secret")
    }

    /// Only what stands before a proxy says trouble by status; resellers do it in OpenAI's form or the proxy's own.
    fn decode_error(&self, response: &Response) -> ProviderError {
        let error = VendorError::parse(&response.body);
        let is_spent = response.status.is_client_error() && error.says_any(&["quota"])
            || error.is_any(&["insufficient_quota", "insufficient_user_quota", "quota_not_enough"]);
        let kind = if is_spent { ProviderErrorKind::QuotaExhausted } else { kind_of_status(response.status) };
        error.into_error(kind, response.status)
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

impl MediaAdapter for Midjourney {
    fn makes(&self, category: Category) -> bool {
        matches!(category, Category::Image | Category::Video)
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn callbacks(&self) -> Callbacks {
        Callbacks::Unsigned
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        let request = match call.upstream.model.as_str() {
            "imagine" => submit::imagine(call)?,
            "video" => submit::video(call)?,
            other => return Err(rejected(format!("the model is imagine or video, not `{other}`"))),
        };
        let (repeat, answer) = (Repeat::Billable, AnswerForm::Memory);
        Ok(Exchange { request, state: JobState::default(), repeat, answer })
    }

    fn next(&self, call: &MediaCall, state: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        let wait = |task: &Task, progress| {
            Ok(Step::Wait(Job { state: keep(task)?, poll_after_ms: POLL_AFTER_MS, progress }))
        };
        if *state == JobState::default() {
            return wait(&Task { task_id: submit::accepted(reply)?, unknown_polls: 0 }, None);
        }
        let Task { task_id, unknown_polls } = recall(state)?;
        match task::read(reply, call.category)? {
            task::Outcome::Running { progress } => wait(&Task { task_id, unknown_polls: 0 }, progress),
            task::Outcome::Unknown if unknown_polls < MAX_UNKNOWN_POLLS => {
                wait(&Task { task_id, unknown_polls: unknown_polls + 1 }, None)
            }
            task::Outcome::Unknown => Err(task::failed("the proxy does not know it")),
            task::Outcome::Done(mut product) => {
                product.seed = call.params.integer("seed");
                Ok(Step::Done(product))
            }
        }
    }

    fn poll(&self, call: &MediaCall, state: &JobState) -> Result<Exchange, ProviderError> {
        let request = Request::get(task_path(call, state, "fetch")?);
        let (repeat, answer) = (Repeat::Harmless, AnswerForm::Memory);
        Ok(Exchange { request, state: state.clone(), repeat, answer })
    }

    /// The original proxy has no such route, and answers 404.
    fn cancel(&self, call: &MediaCall, state: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(Some(Request::post_json(task_path(call, state, "cancel")?, &json!({}))))
    }
}

fn task_path(call: &MediaCall, state: &JobState, action: &str) -> Result<String, ProviderError> {
    let task: Task = recall(state)?;
    Ok(format!("{}/task/{}/{action}", root(call)?, path_segment(&task.task_id)?))
}

/// Where all routes begin: the same ones stand under the name of each mode.
fn root(call: &MediaCall) -> Result<String, ProviderError> {
    match call.upstream.params.get("mode").map(String::as_str) {
        None => Ok("/mj".to_owned()),
        Some(mode @ ("relax" | "fast" | "turbo")) => Ok(format!("/mj-{mode}/mj")),
        Some(other) => Err(rejected(format!("the setting `mode` is relax, fast or turbo, not `{other}`"))),
    }
}
