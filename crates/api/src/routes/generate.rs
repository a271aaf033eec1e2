//! Generations.

mod answer;
pub(crate) mod cancel;
pub(crate) mod create;
mod prefer;
mod request;
pub(crate) mod show;
pub(crate) mod stream;

pub(crate) use answer::{Marks, answer};
pub(crate) use prefer::Prefer;
pub(crate) use stream::NO_BUFFERING;
