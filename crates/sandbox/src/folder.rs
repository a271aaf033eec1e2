//! Where a sandbox keeps what it knows, so that the next one goes on where it was.

use crate::journal::{Journal, Past};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
    time::Duration,
};

/// How often a folder is asked for that another process has, and how long is waited in between: one that was just killed may
/// take a moment to be gone.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A folder that no other sandbox uses. It is let go when this is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens a folder, and makes it if it is missing.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when another sandbox has it for a second or longer; any other when it cannot be made
    /// or written to.
    pub async fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        let lock = File::create(path.join("lock"))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, _lock: lock }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process keeps its sandbox there"))
    }

    /// Forgets all that earlier sandboxes kept here.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// The journal of a service at `origin`, and what stands in it. It begins empty, and is not kept, when there is no folder or
/// the file cannot be used.
pub(crate) fn journal(folder: Option<&Folder>, service: &str, origin: &str) -> (Journal, Past) {
    let Some(folder) = folder else { return Default::default() };
    let path = folder.path.join(format!("{service}.jsonl"));
    Journal::open(path, origin).unwrap_or_else(|error| {
        tracing::warn!(service, %error, "what the sandbox kept cannot be read, and nothing is kept");
        Default::default()
    })
}
