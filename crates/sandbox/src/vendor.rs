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

use crate::service::{Service, Tells};
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
    /// How it tells of jobs.
    pub(crate) tells: Tells,
}

impl Vendor {
    /// A vendor that tells of nothing.
    const fn silent(
        name: &'static str,
        base_path: &'static str,
        routes: fn() -> Router<Arc<Service>>,
    ) -> Self {
        Self { name, base_path, routes, tells: |_, _| None }
    }

    const fn telling(self, tells: Tells) -> Self {
        Self { tells, ..self }
    }
}

/// All of them.
pub(crate) const ALL: [Vendor; 10] = [
    Vendor::silent("openai", "/openai/v1", openai::routes),
    Vendor::silent("anthropic", "/anthropic", anthropic::routes),
    Vendor::silent("google", "/google", google::routes),
    Vendor::silent("deepseek", "/deepseek", deepseek::routes),
    Vendor::silent("xai", "/xai/v1", xai::routes),
    Vendor::silent("replicate", "/replicate/v1", replicate::routes).telling(replicate::tells),
    Vendor::silent("luma", "/luma/dream-machine/v1", luma::routes).telling(luma::tells),
    Vendor::silent("elevenlabs", "/elevenlabs", elevenlabs::routes),
    Vendor::silent("minimax", "/minimax", minimax::routes),
    Vendor::silent("midjourney", "/midjourney", midjourney::routes).telling(midjourney::tells),
];

/// When everything here was made, in seconds since the epoch: 2026-11-22T00:00:00Z. A constant and not the time of
/// day, so that the same requests always get the same bytes.
const CREATED_UNIX_S: i64 = 1_795_305_600;

/// The same instant as headers write it.
const CREATED_RFC3339: &str = "2026-11-22T00:00:00Z";
