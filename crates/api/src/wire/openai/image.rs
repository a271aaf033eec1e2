//! Pictures.

use super::Fields;
use crate::error::ApiError;
use app::Finished;
use domain::params::FieldError;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A request, read.
pub(crate) struct ImageRequest {
    /// The slug of the model.
    pub(crate) model: String,
    /// Its parameters.
    pub(crate) params: Map<String, Value>,
    /// Whether the picture is to come in the answer.
    pub(crate) wants_base64: bool,
}

/// OpenAI's models of this family answer in base64 alone, and their clients look there.
const BASE64_FAMILY: &str = "gpt-image";
/// What OpenAI sends where nothing is said.
const FORMAT: &str = "png";

/// Reads a body. What a model takes of it is for the model to say.
///
/// # Errors
/// Every wrong field, and every one that is not supported.
pub(crate) fn read(body: Map<String, Value>) -> Result<ImageRequest, ApiError> {
    let mut errors = Vec::new();
    let mut body = Fields::new(body, &mut errors);
    body.ignore(&["user"]);
    body.only("n", &json!(1));
    let model = body.require_text("model").unwrap_or_default();
    let mut params = Map::new();
    for name in ["prompt", "size", "quality", "style"] {
        params.extend(body.take(name).map(|value| (name.to_owned(), value)));
    }
    params.insert("format".to_owned(), body.take("output_format").unwrap_or_else(|| json!(FORMAT)));
    let wants_base64 = match body.text("response_format").as_deref() {
        Some("url") => false,
        Some("b64_json") => true,
        None => model.starts_with(BASE64_FAMILY),
        Some(_) => {
            let error = FieldError::new("response_format", "is not supported here");
            body.push(error.allowing(["url", "b64_json"]));
            false
        }
    };
    body.finish();
    if errors.is_empty() {
        Ok(ImageRequest { model, params, wants_base64 })
    } else {
        Err(ApiError::validation(errors))
    }
}

/// The pictures that were made: always one.
#[derive(Serialize)]
pub(crate) struct ImageList {
    created: i64,
    data: [ImageBody; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ImageBody {
    Url(String),
    B64Json(String),
}

impl ImageList {
    /// A picture in the answer.
    pub(crate) fn of_base64(finished: &Finished, base64: String) -> Self {
        Self::of(finished, ImageBody::B64Json(base64))
    }

    /// A picture to be fetched.
    pub(crate) fn of_url(finished: &Finished, url: String) -> Self {
        Self::of(finished, ImageBody::Url(url))
    }

    fn of(finished: &Finished, image: ImageBody) -> Self {
        Self { created: finished.completed_at.unix_ms().div_euclid(1_000), data: [image] }
    }
}
