//! The vendors, one file each.

mod anthropic;
mod chat;
mod deepseek;
mod elevenlabs;
mod google;
mod luma;
mod midjourney;
mod minimax;
mod openai;
mod replicate;
mod xai;

use crate::service::Service;
use axum::Router;
use std::sync::Arc;

/// A vendor as the sandbox mounts it.
pub(crate) struct Vendor {
    /// The name of its adapter.
    pub(crate) name: &'static str,
    /// Its path on our listener, up to where its documented base URL ends.
    pub(crate) base_path: &'static str,
    /// Its endpoints.
    pub(crate) routes: fn() -> Router<Arc<Service>>,
}

/// All of them.
pub(crate) const ALL: [Vendor; 10] = [
    Vendor { name: "openai", base_path: "/openai/v1", routes: openai::routes },
    Vendor { name: "anthropic", base_path: "/anthropic", routes: anthropic::routes },
    Vendor { name: "google", base_path: "/google", routes: google::routes },
    Vendor { name: "deepseek", base_path: "/deepseek", routes: deepseek::routes },
    Vendor { name: "xai", base_path: "/xai/v1", routes: xai::routes },
    Vendor { name: "replicate", base_path: "/replicate/v1", routes: replicate::routes },
    Vendor { name: "luma", base_path: "/luma/dream-machine/v1", routes: luma::routes },
    Vendor { name: "elevenlabs", base_path: "/elevenlabs", routes: elevenlabs::routes },
    Vendor { name: "minimax", base_path: "/minimax", routes: minimax::routes },
    Vendor { name: "midjourney", base_path: "/midjourney", routes: midjourney::routes },
];

/// When everything here was made, in seconds since the epoch: 2026-11-22T00:00:00Z. A constant and not the time of
/// day, so that the same requests always get the same bytes.
const CREATED_UNIX_S: i64 = 1_795_305_600;

/// The same instant as headers write it.
const CREATED_RFC3339: &str = "2026-11-22T00:00:00Z";
