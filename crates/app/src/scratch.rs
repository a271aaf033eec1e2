//! Folders for files on their way: uploads, inputs, and results before they are stored.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    path::Path,
};
use tempfile::{Builder, TempDir};

/// What the folders of processes begin with, so that nothing else is swept.
const PREFIX: &str = "process-";
/// The file that a process has locked while it lives, in its own folder; and whoever starts, in the root.
const LOCK: &str = "lock";

/// This process's folder for files on their way. Gone when this is; what a process leaves that was killed is swept by the
/// next that starts with the same root.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes a folder under `root`, which is made if need be and kept from other users, and sweeps the folders of processes
    /// that are gone.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        // One at a time: a folder that is just being made has no owner yet.
        let turn = File::create(root.join(LOCK))?;
        turn.lock()?;
        sweep(root)?;
        let folder = Builder::new().prefix(PREFIX).tempdir_in(root)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// A fresh folder for one piece of work.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn folder(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(self.folder.path())
    }
}

fn make_private(root: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(root)
}

/// Removes the folders whose owner no longer holds their lock. One that cannot be removed is left, and said.
fn sweep(root: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let is_owned = match File::open(path.join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        };
        if !is_owned && let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "what a process left behind stays");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("scratch");
        let living = Scratch::open(&root).unwrap();
        let used = living.folder().unwrap();
        std::fs::write(used.path().join("upload"), "half of it").unwrap();
        // As a process leaves them that was killed, later and earlier in its life.
        for killed in ["process-1", "process-2"] {
            std::fs::create_dir_all(root.join(killed).join("work")).unwrap();
        }
        std::fs::write(root.join("process-1").join(LOCK), "").unwrap();
        std::fs::write(root.join("notes"), "").unwrap();
        let next = Scratch::open(&root).unwrap();
        let names =
            || std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        assert_eq!(names().len(), 4, "two processes, the lock and the notes: {:?}", names());
        assert!(used.path().join("upload").exists());
        drop((next, used, living));
        assert_eq!(names().len(), 2, "{:?}", names());
    }
}
