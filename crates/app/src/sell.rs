//! What is sold, and for how much.

use crate::{App, Error};
use domain::{
    catalog::{Availability, Model, Purpose},
    params::{FieldError, Params},
    pricing::{self, MAX_COUNT, Quote},
};
use serde_json::{Map, Value};

impl App {
    /// The model of that slug.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn model(&self, slug: &str) -> Result<&Model, Error> {
        self.catalog().model(slug).ok_or(Error::NotFound("model"))
    }

    /// Whether a model can be used now.
    pub fn availability(&self, model: &Model) -> Availability {
        let provider = &self.inner.provider;
        if !provider.serves(&model.vendor, model.category) {
            Availability::NotServed
        } else if !provider.is_configured(&model.vendor) {
            Availability::NoKey
        } else if !self.inner.settings.is_sandbox && model.is_retired(self.clock().now()) {
            Availability::Retired
        } else {
            Availability::Available
        }
    }

    /// What `count` generations cost. Content parameters may be missing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown model, [`Error::Validation`] with every wrong field.
    pub fn quote(&self, slug: &str, mut params: Map<String, Value>, count: i64) -> Result<Quote, Error> {
        let model = self.model(slug)?;
        // It changes no price, and may stand there all the same.
        let webhook_url = self.take_webhook_url(&mut params);
        let (read, _) = read_params(model, params, |given| model.read_params(given, Purpose::Quote));
        let mut errors = read.as_ref().err().cloned().unwrap_or_default();
        errors.extend(webhook_url.err());
        if !(1..=MAX_COUNT).contains(&count) {
            let error = FieldError::new("count", "must be a whole number within the range");
            errors.push(error.allowing([format!("1..{MAX_COUNT}")]));
        }
        match read {
            Ok(params) if errors.is_empty() => pricing::quote(model, &params, count)
                .ok_or_else(|| Error::Internal(format!("{slug} has no price for its parameters"))),
            _ => Err(Error::Validation(errors)),
        }
    }
}

/// Has parameters read as the model takes them, and reads `stream`, which says how an answer comes and is no model's own.
/// Every wrong field is named at once.
pub(crate) fn read_params(
    model: &Model,
    mut given: Map<String, Value>,
    read: impl FnOnce(&Map<String, Value>) -> Result<Params, Vec<FieldError>>,
) -> (Result<Params, Vec<FieldError>>, bool) {
    let stream = match given.remove("stream") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(true)) if !model.supports_streaming() => {
            Err(FieldError::new("stream", format!("{} does not stream", model.slug)).allowing(["false"]))
        }
        Some(Value::Bool(stream)) => Ok(stream),
        Some(_) => Err(FieldError::new("stream", "must be true or false").allowing(["true", "false"])),
    };
    match (read(&given), stream) {
        (read, Ok(stream)) => (read, stream),
        (read, Err(wrong)) => {
            let mut errors = read.err().unwrap_or_default();
            errors.push(wrong);
            (Err(errors), false)
        }
    }
}
