//! From the network to the disk.

use super::FetchError;
use reqwest::Response;
use std::path::Path;
use tokio::{fs::File, io::AsyncWriteExt};

/// Writes an answer's body to `dest`.
pub(super) async fn save(mut response: Response, max_bytes: u64, dest: &Path) -> Result<(), FetchError> {
    let too_large = FetchError::TooLarge { max_bytes };
    if response.content_length().is_some_and(|bytes| bytes > max_bytes) {
        return Err(too_large);
    }
    let mut file = File::create(dest).await?;
    let mut left = max_bytes;
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::within_body(&error))? {
        let taken = u64::try_from(chunk.len()).ok().and_then(|bytes| left.checked_sub(bytes));
        let Some(rest) = taken else { return Err(too_large) };
        left = rest;
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(())
}
