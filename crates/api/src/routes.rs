//! Handlers, one a file.

pub(crate) mod auth;
pub(crate) mod balance;
pub(crate) mod billing;
pub(crate) mod callbacks;
pub(crate) mod docs;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod openai;
pub(crate) mod packages;
pub(crate) mod plans;
pub(crate) mod stt;
pub(crate) mod user;
pub(crate) mod webhooks;
