//! What goes over the wire and is shared by several routes.

pub(crate) mod generation;
pub(crate) mod model;
pub(crate) mod openai;

use serde::Serialize;

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
