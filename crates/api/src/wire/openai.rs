//! What goes over the wire in OpenAI's shape.

pub(crate) mod chat;
pub(crate) mod completion;
pub(crate) mod error;
mod fields;
pub(crate) mod image;
mod messages;
mod tools;

pub(crate) use fields::Fields;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::id::GenerationId;

/// Names the generation behind an answer, by which it can be read at `GET /api/v2/generate/{id}`.
const GENERATION_ID: HeaderName = HeaderName::from_static("x-neuralbox-generation-id");

/// The header that names a generation.
pub(crate) fn generation_header(id: GenerationId) -> HeaderMap {
    HeaderMap::from_iter([(GENERATION_ID, HeaderValue::from(id.0))])
}
