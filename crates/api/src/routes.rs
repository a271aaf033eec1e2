//! Handlers, one a file.

pub(crate) mod balance;
pub(crate) mod billing;
pub(crate) mod callbacks;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod openai;
pub(crate) mod packages;
pub(crate) mod plans;
pub(crate) mod stt;
