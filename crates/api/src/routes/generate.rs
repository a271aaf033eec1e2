//! Generations.

mod answer;
pub(crate) mod cancel;
pub(crate) mod create;
mod prefer;
mod request;
pub(crate) mod show;
pub(crate) mod stream;

pub(crate) use answer::answer;
pub(crate) use prefer::Prefer;
pub(crate) use request::refuse_idempotency_key;
