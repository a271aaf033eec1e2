//! Where files are kept, and where they are on their way.

use super::{Finding, Level, finding};
use crate::{settings::Settings, wiring};
use app::Scratch;
use storage::{BlobError, BlobSettings, Blobs};

/// The place of files, by writing one and removing it.
pub(super) async fn files(settings: &Settings) -> Option<Finding> {
    let error = write_and_remove(&settings.files).await.err()?;
    Some(finding(Level::Error, "files.url", format!("a file cannot be written and removed there: {error}")))
}

async fn write_and_remove(settings: &BlobSettings) -> Result<(), BlobError> {
    let blobs = Blobs::open(settings)?;
    // No other doctor's.
    let name = format!("doctor-{:016x}.txt", getrandom::u64().unwrap_or_default());
    blobs.put_bytes(&name, "neuralbox doctor".into(), "text/plain").await?;
    blobs.delete(&name).await
}

/// The folder for files on their way, by opening it as each process does.
pub(super) fn scratch(settings: &Settings) -> Option<Finding> {
    let root = wiring::scratch_root(settings);
    let error = Scratch::open(&root).err()?;
    let message = format!("nothing can be written to {}: {error}", root.display());
    Some(finding(Level::Error, "server.scratch_dir", message))
}
