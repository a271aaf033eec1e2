//! Generations of files: inputs before the hold, jobs while they run, and results on their way to the client.

mod callbacks;
mod cancel;
mod files;
mod finish;
mod in_time;
mod inputs;
mod jobs;
mod room;
mod rounds;
mod spool;
mod visit;
mod wait;

pub use files::{OpenFile, Upload};
pub use in_time::Awaited;
pub(crate) use inputs::Prepared;
pub use inputs::result_kind;
pub use jobs::ends_job;
pub(crate) use room::InputRoom;
pub use rounds::Round;
pub use spool::{Expected, Spool, Spooled};

use domain::time::DAY_MS;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes that a picture or a sound may have that goes in.
pub const MAX_INPUT_BYTES: u64 = 25 * 1_000 * 1_000;
/// Milliseconds for which a client's upload is kept.
const INPUT_RETENTION_MS: i64 = DAY_MS;

/// How long what a vendor made may take from there to our own store.
const FINISH_LIMIT: Duration = Duration::from_secs(600);
/// Milliseconds for which the file of a generation is kept that has not been settled: well above [`FINISH_LIMIT`] and what a
/// settle may take. A file that is older belongs to a process that died.
const UNSETTLED_MS: i64 = 3_600_000;

/// A name that nobody can guess: 160 random bits and the extension of its kind.
fn random_name(extension: &str) -> Result<String, crate::Error> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| crate::Error::Internal(error.to_string()))?;
    Ok(format!("{}.{extension}", hex::encode(bytes)))
}

/// Files that this process works on at the same time. A picture at the limits takes half a gigabyte while it is decoded.
static WORKBENCH: Semaphore = Semaphore::const_new(4);

/// Runs work on a file, which keeps a processor busy, where it holds nobody up, and few at once. It goes on when whoever
/// waits for it goes away, and keeps its place until it is done.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, media::MediaError> + Send + 'static,
) -> Result<Result<T, media::MediaError>, crate::Error> {
    let lost = |error: &dyn std::error::Error| crate::Error::Internal(error.to_string());
    let place = WORKBENCH.acquire().await.map_err(|error| lost(&error))?;
    let placed = move || {
        let done = work();
        drop(place);
        done
    };
    tokio::task::spawn_blocking(placed).await.map_err(|error| lost(&error))
}
