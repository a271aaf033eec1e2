//! What vendors' protocols have in common.

pub(crate) mod detail;
pub(crate) mod draft;
pub(crate) mod error;
pub(crate) mod job;
pub(crate) mod media;
pub(crate) mod openai_chat;
pub(crate) mod openai_responses;
pub(crate) mod options;
pub(crate) mod standard_webhooks;
pub(crate) mod turns;
pub(crate) mod usage;
