//! Acme Paint: <https://docs.acme.example>. Pictures, by jobs; a picture that goes in goes as a data URL.
//!
//! Setting: `quality`, such as `high`.

use crate::{
    adapter::{
        Adapter, AnswerForm, Exchange, InputForm, KeyCarrier, MediaAdapter, Repeat, Reply, Request, Response,
        Step, file_as_data_url, rejected, settings,
    },
    wire::{
        error::{VendorError, bad_response, kind_of_status},
        job,
        media::{file, not_made},
    },
};
use domain::{
    catalog::Category,
    media::{Job, JobState, MediaCall, Product, ProductFile},
    params::ParamValue,
    port::{ProviderError, ProviderErrorKind},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) struct Acme;

/// Acme asks for no more than one look in two seconds.
const POLL_AFTER_MS: i64 = 2_000;

impl Adapter for Acme {
    fn vendor(&self) -> &'static str {
        "acme"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.acme.example/v1"
    }

    fn key_carrier(&self) -> KeyCarrier {
        KeyCarrier::Header("x-acme-key")
    }

    fn decode_error(&self, response: &Response) -> ProviderError {
        let error = VendorError::parse(&response.body);
        let kind = kind_of(&error, kind_of_status(response.status));
        error.into_error(kind, response.status)
    }

    fn media(&self) -> Option<&dyn MediaAdapter> {
        Some(self)
    }
}

/// What Acme's own code says; where it says nothing, `otherwise`.
fn kind_of(error: &VendorError, otherwise: ProviderErrorKind) -> ProviderErrorKind {
    match error.code.as_str() {
        "moderated" => ProviderErrorKind::ContentRefused,
        "out_of_credit" => ProviderErrorKind::QuotaExhausted,
        _ => otherwise,
    }
}

impl MediaAdapter for Acme {
    fn makes(&self, category: Category) -> bool {
        category == Category::Image
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        if !self.makes(call.category) {
            return Err(not_made(call.category));
        }
        let files = call.inputs.clone();
        Ok(Exchange {
            request: Request::post_json_with_files("/images", Value::Object(body(call)?), files),
            state: JobState::default(),
            repeat: Repeat::Billable,
            answer: AnswerForm::Memory,
        })
    }

    fn next(&self, _: &MediaCall, _: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        job::read::<Picture>(reply)?.step()
    }

    fn poll(&self, _: &MediaCall, state: &JobState) -> Result<Exchange, ProviderError> {
        Ok(Exchange {
            request: Request::get(path(state)?),
            state: state.clone(),
            repeat: Repeat::Harmless,
            answer: AnswerForm::Memory,
        })
    }

    fn cancel(&self, _: &MediaCall, state: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(Some(Request { method: http::Method::DELETE, ..Request::get(path(state)?) }))
    }
}

/// What is asked for. A parameter that Acme cannot be told is refused, never left out.
fn body(call: &MediaCall) -> Result<Map<String, Value>, ProviderError> {
    let [quality] = settings(&call.upstream, ["quality"])?;
    let mut body = Map::new();
    body.insert("model".into(), json!(call.upstream.model));
    body.extend(quality.map(|quality| ("quality".into(), json!(quality))));
    for (name, value) in call.params.iter() {
        let (field, value) = match (name, value) {
            ("prompt" | "aspect_ratio", ParamValue::Text(text)) => (name, json!(text)),
            ("seed", ParamValue::Integer(seed)) => (name, json!(seed)),
            // Acme makes no WebP: that is made of what has lost nothing, after the download.
            ("format", ParamValue::Text(format)) => {
                ("type", json!(if format == "jpeg" { "jpg" } else { "png" }))
            }
            ("image_url", _) => {
                file(call, name)?;
                ("reference", file_as_data_url(name))
            }
            _ => return Err(rejected(format!("Acme has no way to say `{name}`"))),
        };
        body.insert(field.into(), value);
    }
    Ok(body)
}

/// What is remembered of a job. It is on disk while the job runs, so its form must not change.
#[derive(Deserialize, Serialize)]
struct Running {
    id: String,
}

fn path(state: &JobState) -> Result<String, ProviderError> {
    let running: Running = job::recall(state)?;
    Ok(format!("/images/{}", job::path_segment(&running.id)?))
}

/// Acme's word on a picture.
#[derive(Deserialize)]
struct Picture {
    id: String,
    status: String,
    progress: Option<i64>,
    url: Option<String>,
    seed: Option<i64>,
    model: Option<String>,
    #[serde(default)]
    error: Value,
}

impl Picture {
    fn step(self) -> Result<Step, ProviderError> {
        match self.status.as_str() {
            "done" => self.product().map(Step::Done),
            "failed" | "canceled" => {
                let error = VendorError::from_object(self.error);
                let kind = kind_of(&error, ProviderErrorKind::JobFailed);
                Err(error.into_error(kind, StatusCode::OK))
            }
            // `queued`, `painting`, and what Acme may think of next: only an end is known to be one.
            _ => {
                job::path_segment(&self.id)?;
                let progress = self.progress.filter(|percent| (0..=100).contains(percent));
                let state = job::keep(&Running { id: self.id })?;
                Ok(Step::Wait(Job { state, poll_after_ms: POLL_AFTER_MS, progress }))
            }
        }
    }

    fn product(self) -> Result<Product, ProviderError> {
        let url = self.url.filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| bad_response("a picture that is done, without its address"))?;
        Ok(Product {
            files: vec![ProductFile::Url(url)],
            seed: self.seed,
            upstream_model: self.model,
            ..Product::default()
        })
    }
}

#[cfg(test)]
mod tests;
