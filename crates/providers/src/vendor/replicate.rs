//! Replicate: <https://replicate.com/docs/reference/http>. Jobs; files go in as data URLs, large ones by an upload.
//!
//! Settings: `version`, which has a model called by that version, and what its row in [`MODELS`] names.

mod input;
mod models;
mod prediction;

use crate::{
    adapter::{
        Adapter, AnswerForm, Callbacks, Exchange, Field, InputForm, KeyCarrier, MediaAdapter, Repeat, Reply,
        Request, Response, Step, rejected,
    },
    wire::{
        detail,
        error::{VendorError, bad_response, kind_of_status},
        job,
    },
};
use domain::{
    catalog::Category,
    media::{Job, JobState, MediaCall},
    port::{ProviderError, ProviderErrorKind},
};
use http::{Method, StatusCode};
use input::{Input, Uploaded, to_upload};
use models::{Kind, MODELS, Model};
use prediction::Prediction;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) struct Replicate;

/// The setting that is not an input field.
const VERSION: &str = "version";

/// What was sent.
#[derive(Deserialize, Serialize)]
#[serde(tag = "sent", rename_all = "snake_case")]
enum Sent {
    /// The file of parameter `name`, after those in `uploaded`.
    Upload { name: String, uploaded: Uploaded },
    /// The prediction, to be made.
    Prediction,
    /// A question after the prediction of that id.
    Poll { id: String },
}

/// An uploaded file.
#[derive(Deserialize)]
struct Upload {
    urls: UploadUrls,
}

#[derive(Deserialize)]
struct UploadUrls {
    get: String,
}

impl Adapter for Replicate {
    fn vendor(&self) -> &'static str {
        "replicate"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.replicate.com/v1"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Bearer
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        let error = detail::parse(&response.body);
        let kind = error_kind(response.status, &error);
        let retry_after_ms =
            (kind == ProviderErrorKind::RateLimited).then(|| resets_in_ms(&error.message)).flatten();
        ProviderError { retry_after_ms, ..error.into_error(kind, response.status) }
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

impl MediaAdapter for Replicate {
    fn makes(&self, category: Category) -> bool {
        matches!(category, Category::Image | Category::Video | Category::Music | Category::Tool)
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn callbacks(&self) -> Callbacks {
        Callbacks::StandardWebhooks
    }

    /// Official models are charged by what they made, those of the community by the time of the machine.
    fn charges_unfinished(&self, call: &MediaCall) -> bool {
        model(call).is_ok_and(|model| matches!(model.kind, Kind::Community { .. }))
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        // A call that cannot be said is refused before anything is uploaded for it.
        Input::of(call, model(call)?, &Uploaded::new())?;
        upload_or_create(call, Uploaded::new())
    }

    fn next(&self, call: &MediaCall, state: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        if let Sent::Upload { name, mut uploaded } = job::recall(state)? {
            let upload: Upload = job::read(reply)?;
            uploaded.insert(name, upload.urls.get);
            return upload_or_create(call, uploaded).map(Step::Send);
        }
        let prediction: Prediction = job::read(reply)?;
        job::path_segment(&prediction.id)?;
        let state = job::keep(&Sent::Poll { id: prediction.id.clone() })?;
        Ok(match prediction.product(model(call)?.output)? {
            Some(product) => Step::Done(product),
            None => Step::Wait(Job { state, poll_after_ms: poll_after_ms(call.category), progress: None }),
        })
    }

    fn poll(&self, _: &MediaCall, state: &JobState) -> Result<Exchange, ProviderError> {
        Ok(Exchange {
            request: Request::get(prediction_path(state)?),
            state: state.clone(),
            repeat: Repeat::Harmless,
            answer: AnswerForm::Memory,
        })
    }

    fn cancel(&self, _: &MediaCall, state: &JobState) -> Result<Option<Request>, ProviderError> {
        let path = format!("{}/cancel", prediction_path(state)?);
        Ok(Some(Request { method: Method::POST, ..Request::get(path) }))
    }
}

fn model(call: &MediaCall) -> Result<&'static Model, ProviderError> {
    let id = call.upstream.model.as_str();
    let model = MODELS.iter().find(|model| model.id == id);
    model.ok_or_else(|| rejected(format!("the adapter does not know the fields of {id}")))
}

/// Sends the next large file, or the prediction when all are there.
fn upload_or_create(call: &MediaCall, uploaded: Uploaded) -> Result<Exchange, ProviderError> {
    let Some((name, file)) = to_upload(call, &uploaded) else { return create(call, &uploaded) };
    let content = Field::File { name: "content".to_owned(), file: file.clone() };
    Ok(Exchange {
        request: Request::post_multipart("/files", vec![content]),
        state: job::keep(&Sent::Upload { name: name.clone(), uploaded })?,
        repeat: Repeat::Harmless,
        answer: AnswerForm::Memory,
    })
}

fn create(call: &MediaCall, uploaded: &Uploaded) -> Result<Exchange, ProviderError> {
    let model = model(call)?;
    let Input { fields, files } = Input::of(call, model, uploaded)?;
    let mut body = Map::from_iter([("input".to_owned(), Value::Object(fields))]);
    let set_version = call.upstream.params.get(VERSION).map(String::as_str);
    let version = match model.kind {
        Kind::Official => set_version,
        Kind::Community { version } => set_version.or(Some(version)),
    };
    let path = match version {
        Some(version) => {
            body.insert(VERSION.to_owned(), json!(version));
            "/predictions".to_owned()
        }
        None => format!("/models/{}/predictions", model.id),
    };
    if let Some(url) = call.callback_url.as_deref().filter(|url| may_be_called_back(url)) {
        body.insert("webhook".to_owned(), json!(url));
        body.insert("webhook_events_filter".to_owned(), json!(["completed"]));
    }
    Ok(Exchange {
        request: Request::post_json_with_files(path, Value::Object(body), files),
        state: job::keep(&Sent::Prediction)?,
        repeat: Repeat::Billable,
        answer: AnswerForm::Memory,
    })
}

/// Replicate refuses a prediction with any other address than https; without one the job is polled all the same. This
/// machine's own address is only of use to a sandbox, which is not that strict.
fn may_be_called_back(url: &str) -> bool {
    const TAKEN: [&str; 4] = ["https://", "http://127.0.0.1", "http://[::1]", "http://localhost"];
    TAKEN.iter().any(|start| url.starts_with(start))
}

fn prediction_path(state: &JobState) -> Result<String, ProviderError> {
    match job::recall(state)? {
        Sent::Poll { id } => Ok(format!("/predictions/{}", job::path_segment(&id)?)),
        Sent::Upload { .. } | Sent::Prediction => Err(bad_response("no prediction runs yet")),
    }
}

/// Pictures take seconds and videos minutes.
fn poll_after_ms(category: Category) -> i64 {
    match category {
        Category::Video => 5_000,
        Category::Music => 3_000,
        _ => 1_500,
    }
}

fn error_kind(status: StatusCode, error: &VendorError) -> ProviderErrorKind {
    // A version that its author withdrew is a model that is gone.
    if status == StatusCode::UNPROCESSABLE_ENTITY && error.is_any(&["Invalid version or not permitted"]) {
        ProviderErrorKind::ModelGone
    } else {
        kind_of_status(status)
    }
}

/// Milliseconds in `… Your rate limit resets in ~30s.`
fn resets_in_ms(message: &str) -> Option<i64> {
    let (_, rest) = message.split_once("resets in ~")?;
    let (seconds, _) = rest.split_once('s')?;
    seconds.parse::<i64>().ok().filter(|seconds| *seconds >= 0)?.checked_mul(1_000)
}
