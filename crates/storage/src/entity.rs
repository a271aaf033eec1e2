//! Tables as sea-orm sees them.

pub(crate) mod account;
pub(crate) mod api_key;
pub(crate) mod api_key_directory;
pub(crate) mod cycle;
pub(crate) mod email_directory;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod file_directory;
pub(crate) mod generation;
pub(crate) mod generation_content;
pub(crate) mod idempotency_key;
pub(crate) mod job;
pub(crate) mod job_directory;
pub(crate) mod key_use;
pub(crate) mod ledger_entry;
pub(crate) mod node;
pub(crate) mod payment;
pub(crate) mod payment_directory;
pub(crate) mod refund;
pub(crate) mod subscription;
pub(crate) mod wallet;
