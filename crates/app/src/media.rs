//! Generations of files: inputs before the hold, jobs while they run, and results on their way to the client.

mod cancel;
mod files;
mod finish;
mod inputs;
mod jobs;
mod wait;

pub use files::{OpenFile, Upload};
pub(crate) use inputs::Prepared;
pub use inputs::result_kind;
pub use jobs::ends_job;

use domain::time::DAY_MS;

/// Bytes that a picture or a sound may have that goes in.
pub const MAX_INPUT_BYTES: u64 = 25 * 1_000 * 1_000;
/// Milliseconds for which a client's upload is kept.
const INPUT_RETENTION_MS: i64 = DAY_MS;

/// A name that nobody can guess: 160 random bits and the extension of its kind.
fn random_name(extension: &str) -> Result<String, crate::Error> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| crate::Error::Internal(error.to_string()))?;
    let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{name}.{extension}"))
}

/// Runs work that keeps a processor busy where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, media::MediaError> + Send + 'static,
) -> Result<Result<T, media::MediaError>, crate::Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| crate::Error::Internal(error.to_string()))
}
