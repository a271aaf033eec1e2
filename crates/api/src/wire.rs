//! What goes over the wire and is shared by several routes.

pub(crate) mod generation;
pub(crate) mod model;
pub(crate) mod openai;

use axum::http::{HeaderName, header};
use serde::Serialize;

/// What shows a secret is nobody's to keep on the way.
pub(crate) const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// A list, as every list is sent.
#[derive(Serialize)]
pub(crate) struct List<T> {
    items: Vec<T>,
    total: usize,
}

impl<T> List<T> {
    /// All there is.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { total: items.len(), items }
    }
}
