//! What Replicate says of a job.

use super::models::Output;
use crate::wire::error::{bad_response, content_refused};
use domain::{
    media::{Product, ProductFile},
    port::{ProviderError, ProviderErrorKind},
};
use serde::Deserialize;
use serde_json::Value;

/// A prediction: one run of a model.
#[derive(Deserialize)]
pub(super) struct Prediction {
    pub(super) id: String,
    status: String,
    model: Option<String>,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Value,
}

impl Prediction {
    /// What it made; `None` while it runs.
    pub(super) fn product(self, output: Output) -> Result<Option<Product>, ProviderError> {
        match self.status.as_str() {
            "succeeded" => self.succeeded(output).map(Some),
            "failed" => Err(failure(&self.error)),
            "canceled" | "aborted" => Err(job_failed(format!("the prediction was {}", self.status))),
            // `starting` and `processing`. The ends are known; a status that is not an end is on the way to one.
            _ => Ok(None),
        }
    }

    fn succeeded(self, output: Output) -> Result<Product, ProviderError> {
        let mut product = Product {
            // The input stands here as it was sent; a seed that a model drew itself is not told.
            seed: self.input["seed"].as_i64(),
            upstream_model: self.model,
            ..Product::default()
        };
        let words = words(self.output)?;
        match output {
            Output::Text => product.text = Some(words.concat()),
            Output::Files => product.files = words.into_iter().map(file).collect::<Result<_, _>>()?,
        }
        Ok(product)
    }
}

/// The output in one form: models put out a string or a list of strings, and a model may change from one to the other
/// with a new version.
fn words(output: Value) -> Result<Vec<String>, ProviderError> {
    let word = |value: Value| match value {
        Value::String(word) => Ok(word),
        _ => Err(bad_response("an output that is neither text nor an address")),
    };
    match output {
        Value::Array(items) if !items.is_empty() => items.into_iter().map(word).collect(),
        // Removed after an hour, or never made. Asking again would not bring it back.
        Value::Array(_) | Value::Null => Err(job_failed("the prediction succeeded without an output")),
        other => Ok(vec![word(other)?]),
    }
}

fn file(address: String) -> Result<ProductFile, ProviderError> {
    if address.starts_with("https://") || address.starts_with("http://") {
        Ok(ProductFile::Url(address))
    } else {
        Err(bad_response("an output that is not the address of a file"))
    }
}

/// Models fail in words of their own. Refused content is known by phrases that they share, and by a code.
fn failure(error: &Value) -> ProviderError {
    const REFUSALS: [&str; 3] = ["nsfw", "flagged as sensitive", "safety filter"];
    const REFUSAL_CODE: &str = "e005";
    let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    let lower = text.to_lowercase();
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
    if REFUSALS.iter().any(|phrase| lower.contains(phrase)) || words.any(|word| word == REFUSAL_CODE) {
        content_refused(&text)
    } else {
        job_failed(format!("the prediction failed: {text}"))
    }
}

fn job_failed(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::JobFailed, message)
}
