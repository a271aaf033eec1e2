//! The fetcher as the use-cases know it.

use super::{FetchError, FetchPolicy, Fetcher};
use domain::port::{Fetch, FetchFailure, FetchLimits};
use std::path::Path;

#[async_trait::async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self, url: &str, limits: FetchLimits, dest: &Path) -> Result<u64, FetchFailure> {
        let policy = FetchPolicy { max_bytes: limits.max_bytes, allow_private: limits.allow_private };
        let fetched = Self::fetch(self, url, policy, dest).await;
        fetched.map(|fetched| fetched.bytes).map_err(|error| FetchFailure {
            is_about_url: !matches!(error, FetchError::Disk(_)),
            message: error.to_string(),
        })
    }
}
