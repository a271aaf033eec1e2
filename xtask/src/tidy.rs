//! The house rules that neither rustc nor clippy can check.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

mod comparisons;
mod edges;
mod promises;
mod sources;
mod tokens;

use crate::{Result, cargo};
use serde::Deserialize;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// The part of `cargo metadata --no-deps` that the rules look at.
#[derive(Deserialize)]
struct Workspace {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// A broken rule, shown as `path:line: what (why)`.
struct Violation {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.path, self.line, self.what, self.why)
    }
}

/// Checks every rule over the workspace, and prints what breaks one.
pub(crate) fn run() -> Result<()> {
    let workspace = load()?;
    let mut file_count = 0;
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let manifest = fs::read_to_string(&package.manifest_path)?;
        let path = relative(&package.manifest_path, &workspace);
        violations.extend(edges::check(package, &workspace.packages, &path, &manifest));
        let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
        for path in rust_files(folder)? {
            file_count += 1;
            violations.extend(sources::check(&relative(&path, &workspace), &fs::read_to_string(&path)?));
        }
    }
    violations.extend(promises::check(&workspace.workspace_root)?);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("{} packages, {file_count} files: every house rule is kept", workspace.packages.len());
            Ok(())
        }
        1 => Err("1 house rule is broken".into()),
        count => Err(format!("{count} house rules are broken").into()),
    }
}

fn load() -> Result<Workspace> {
    let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        return Err(
            format!("`cargo metadata`: {}", String::from_utf8_lossy(&output.stderr).trim_end()).into()
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The path below the workspace's root, as it is shown and as rules name it.
fn relative(path: &Path, workspace: &Workspace) -> String {
    path.strip_prefix(&workspace.workspace_root).unwrap_or(path).display().to_string()
}

/// Every Rust file below `folder`, in a fixed order; build output and hidden folders left out.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let is_skipped = name == "target" || name.as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_dir() {
            if !is_skipped {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
