//! Generations.

pub(crate) mod create;
mod request;
pub(crate) mod show;
pub(crate) mod stream;
