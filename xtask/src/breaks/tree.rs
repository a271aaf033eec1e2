//! A copy of the sources, so that nobody's files are touched. It stays, and so does what is built from it: the next run
//! builds only what has changed.

use super::list::Break;
use crate::Result;
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Where everything about breaks lies, below the workspace's root.
const FOLDER: &str = "target/breaks";

/// The copy.
pub(super) struct Tree {
    folder: PathBuf,
    /// Held, so that two runs do not break each other's sources.
    _lock: File,
}

/// A file of the copy that is broken.
#[must_use = "a break has to be mended"]
pub(super) struct Broken {
    path: PathBuf,
    whole: String,
}

/// The workspace's root.
pub(super) fn root() -> Result<PathBuf> {
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    Ok(xtask.parent().ok_or("xtask has no parent folder")?.to_owned())
}

impl Tree {
    /// Brings the copy up to date with what git knows of, and what is new and not ignored. A file that has not changed keeps
    /// its time, and is not built again.
    pub(super) fn copy(root: &Path) -> Result<Self> {
        let folder = root.join(FOLDER);
        fs::create_dir_all(folder.join("log"))?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| format!("another run is under way: {error}"))?;
        let tree = Self { folder, _lock: lock };
        let files = listed(root)?;
        for file in &files {
            let (from, to) = (root.join(file), tree.sources().join(file));
            let content = fs::read(&from)?;
            if fs::read(&to).is_ok_and(|found| found == content) {
                continue;
            }
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(&from, &to)?;
            // A copy bears the time of its source, which may lie before what was built last.
            fs::write(&to, content)?;
        }
        remove_others(&tree.sources(), Path::new(""), &files)?;
        Ok(tree)
    }

    pub(super) fn sources(&self) -> PathBuf {
        self.folder.join("sources")
    }

    /// What is built from the copy.
    pub(super) fn build(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Where the output of one trial goes.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("log").join(format!("{name}.txt"))
    }

    /// Breaks a file of the copy.
    pub(super) fn damage(&self, one: &Break) -> Result<Broken> {
        let path = self.sources().join(&one.file);
        let whole = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", one.file))?;
        let damaged = one.apply_to(&whole).map_err(|what| format!("{}: {what}", one.name))?;
        fs::write(&path, damaged)?;
        Ok(Broken { path, whole })
    }
}

impl Broken {
    pub(super) fn mend(self) -> Result<()> {
        Ok(fs::write(self.path, self.whole)?)
    }
}

fn listed(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").current_dir(root).args(args).output()?;
    if !output.status.success() {
        return Err(format!("`git ls-files`: {}", String::from_utf8_lossy(&output.stderr).trim_end()).into());
    }
    let names = String::from_utf8(output.stdout)?;
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(files.filter(|file| root.join(file).is_file()).collect())
}

/// Removes what was copied before and is gone from the sources.
fn remove_others(sources: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(sources.join(folder))? {
        let entry = entry?;
        let file = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(sources, &file, files)?;
        } else if !files.contains(&file) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
