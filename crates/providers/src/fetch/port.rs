//! The fetcher as the use-cases know it.

use super::{FetchError, Fetcher};
use domain::port::{Fetch, FetchFailure, FetchFailureKind, FetchLimits};
use reqwest::StatusCode;
use std::path::Path;

#[async_trait::async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self, url: &str, limits: FetchLimits, dest: &Path) -> Result<(), FetchFailure> {
        let fetched = Self::fetch(self, url, limits, dest).await;
        fetched.map_err(|error| FetchFailure { kind: kind(&error), message: message(&error) })
    }
}

/// What may be told to whoever named the address: why a host cannot be reached is for operators.
pub(super) fn message(error: &FetchError) -> String {
    match error {
        FetchError::Unreachable(cause) => {
            tracing::info!(cause, "a host cannot be reached");
            "the host cannot be reached".to_owned()
        }
        other => other.to_string(),
    }
}

fn kind(error: &FetchError) -> FetchFailureKind {
    match error {
        FetchError::BadUrl(_) | FetchError::Forbidden => FetchFailureKind::BadUrl,
        FetchError::Gone(_) | FetchError::TooManyRedirects => FetchFailureKind::Gone,
        FetchError::Refused(status) => kind_of_status(*status),
        FetchError::TooLarge { .. } => FetchFailureKind::TooLarge,
        FetchError::Unreachable(_) | FetchError::Timeout | FetchError::Cut => FetchFailureKind::Passing,
        FetchError::Disk(_) => FetchFailureKind::Disk,
    }
}

/// A host that is in trouble, or has too much to do, may answer otherwise later; any other answer is its last word.
fn kind_of_status(status: u16) -> FetchFailureKind {
    match StatusCode::from_u16(status) {
        Ok(StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS) => {
            FetchFailureKind::Passing
        }
        Ok(status) if status.is_server_error() => FetchFailureKind::Passing,
        _ => FetchFailureKind::Gone,
    }
}
