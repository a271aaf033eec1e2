//! Luma Dream Machine: <https://docs.lumalabs.ai>. Jobs; pictures go in by their address alone.
//!
//! Setting of videos: `resolution`, such as `720p`.

use crate::{
    adapter::{
        Adapter, AnswerForm, Callbacks, Exchange, InputForm, KeyCarrier, MediaAdapter, Repeat, Reply,
        Request, Response, Step, rejected, settings,
    },
    wire::{
        detail,
        error::{bad_response, content_refused, kind_of_status},
        job,
        media::not_made,
    },
};
use domain::{
    catalog::Category,
    media::{Job, JobState, MediaCall, Product, ProductFile},
    params::ParamValue,
    port::{ProviderError, ProviderErrorKind},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) struct Luma;

/// A generation that Luma knows.
#[derive(Deserialize, Serialize)]
struct Running {
    id: String,
}

impl Adapter for Luma {
    fn vendor(&self) -> &'static str {
        "luma"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.lumalabs.ai/dream-machine/v1"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Bearer
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        let error = detail::parse(&response.body);
        // Refused content and spent credit come under the status of a malformed request.
        let kind = if response.status.is_server_error() {
            kind_of_status(response.status)
        } else if is_moderation(&error.message) {
            ProviderErrorKind::ContentRefused
        } else if error.says_any(&["insufficient credit", "not enough credit", "out of credit"]) {
            ProviderErrorKind::QuotaExhausted
        } else {
            kind_of_status(response.status)
        };
        error.into_error(kind, response.status)
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

impl MediaAdapter for Luma {
    fn makes(&self, category: Category) -> bool {
        matches!(category, Category::Image | Category::Video)
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Url
    }

    fn callbacks(&self) -> Callbacks {
        Callbacks::Unsigned
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        let (path, mut body) = match call.category {
            Category::Image => ("/generations/image", image(call)?),
            Category::Video => ("/generations/video", video(call)?),
            other => return Err(not_made(other)),
        };
        body.insert("model".into(), json!(call.upstream.model));
        body.extend(call.callback_url.iter().map(|url| ("callback_url".into(), json!(url))));
        Ok(Exchange {
            request: Request::post_json(path, &Value::Object(body)),
            state: JobState::default(),
            repeat: Repeat::Billable,
            answer: AnswerForm::Memory,
        })
    }

    fn next(&self, call: &MediaCall, _: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        job::read::<Generation>(reply)?.step(call)
    }

    fn poll(&self, _: &MediaCall, state: &JobState) -> Result<Exchange, ProviderError> {
        let running: Running = job::recall(state)?;
        Ok(Exchange {
            request: Request::get(format!("/generations/{}", job::path_segment(&running.id)?)),
            state: state.clone(),
            repeat: Repeat::Harmless,
            answer: AnswerForm::Memory,
        })
    }

    fn charges_unfinished(&self, _: &MediaCall) -> bool {
        false
    }

    /// Luma deletes generations but does not stop them: a deleted one is made, and billed, all the same.
    fn cancel(&self, _: &MediaCall, _: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(None)
    }
}

fn image(call: &MediaCall) -> Result<Map<String, Value>, ProviderError> {
    let [] = settings(&call.upstream, [])?;
    let mut body = Map::new();
    for (name, value) in call.params.iter() {
        let (field, value) = match (name, value) {
            ("prompt" | "aspect_ratio", ParamValue::Text(text)) => (name, text.as_str()),
            // Luma makes no WebP: that is made of what has lost nothing, after the download.
            ("format", ParamValue::Text(format)) if format == "jpeg" => ("format", "jpg"),
            ("format", ParamValue::Text(_)) => ("format", "png"),
            _ => return Err(unsayable(name)),
        };
        body.insert(field.into(), json!(value));
    }
    Ok(body)
}

fn video(call: &MediaCall) -> Result<Map<String, Value>, ProviderError> {
    let [resolution] = settings(&call.upstream, ["resolution"])?;
    let mut body = Map::new();
    body.extend(resolution.map(|resolution| ("resolution".into(), json!(resolution))));
    for (name, value) in call.params.iter() {
        let (field, value) = match (name, value) {
            ("prompt" | "aspect_ratio", ParamValue::Text(text)) => (name, json!(text)),
            ("duration", ParamValue::Integer(seconds)) => (name, json!(format!("{seconds}s"))),
            ("image_url", _) => {
                let url = public_url(call, name)?;
                ("keyframes", json!({ "frame0": { "type": "image", "url": url } }))
            }
            _ => return Err(unsayable(name)),
        };
        body.insert(field.into(), value);
    }
    Ok(body)
}

fn public_url<'a>(call: &'a MediaCall, name: &str) -> Result<&'a str, ProviderError> {
    let url = call.inputs.get(name).and_then(|file| file.url.as_deref());
    url.ok_or_else(|| rejected(format!("`{name}` has no address that Luma could fetch it from")))
}

fn unsayable(name: &str) -> ProviderError {
    rejected(format!("Luma has no way to say `{name}`"))
}

/// Luma's word on a generation; everything but its id and state is null until there is something.
#[derive(Deserialize)]
struct Generation {
    id: String,
    state: String,
    failure_reason: Option<String>,
    model: Option<String>,
    assets: Option<Assets>,
}

#[derive(Deserialize)]
struct Assets {
    image: Option<String>,
    video: Option<String>,
}

impl Generation {
    fn step(self, call: &MediaCall) -> Result<Step, ProviderError> {
        match self.state.as_str() {
            "completed" => self.product(call.category).map(Step::Done),
            "failed" => Err(failure(&self.failure_reason.unwrap_or_default())),
            // `queued` and `dreaming`. The end of a job is known; a state that is not an end is on the way to one.
            _ => {
                job::path_segment(&self.id)?;
                let state = job::keep(&Running { id: self.id })?;
                Ok(Step::Wait(Job { state, poll_after_ms: poll_after_ms(call.category), progress: None }))
            }
        }
    }

    fn product(self, category: Category) -> Result<Product, ProviderError> {
        let url = self.assets.and_then(|assets| match category {
            Category::Video => assets.video,
            _ => assets.image,
        });
        let url = url.filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| bad_response("a completed generation without its file"))?;
        Ok(Product { files: vec![ProductFile::Url(url)], upstream_model: self.model, ..Product::default() })
    }
}

/// A picture takes 10 to 30 seconds, a video minutes.
fn poll_after_ms(category: Category) -> i64 {
    if category == Category::Video { 5_000 } else { 2_000 }
}

fn failure(reason: &str) -> ProviderError {
    if is_moderation(reason) {
        content_refused(reason)
    } else {
        ProviderError::new(ProviderErrorKind::JobFailed, format!("the generation failed: {reason}"))
    }
}

/// Whether Luma speaks of its moderation of prompts and frames; there are no codes.
fn is_moderation(reason: &str) -> bool {
    reason.to_lowercase().contains("moderat")
}
