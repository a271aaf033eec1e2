//! Where PostgreSQL's programs are, and what to do when they are nowhere.

use super::URL_VARIABLE;
use crate::{Result, debian};
use std::{cmp::Reverse, env, fs, path::PathBuf, process::Command};

/// What a directory must hold to be of use. Distributions put `psql` in PATH without these.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Parents of directories named after a major version: Debian's, PGDG's on Red Hat, Homebrew's (Apple, Intel).
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
];

/// The directory of PostgreSQL's programs; on Debian and its kin, PostgreSQL is installed when it is missing and we
/// may.
///
/// # Errors
/// Says what to do when there is no PostgreSQL.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(bin) = find() {
        return Ok(bin);
    }
    // Debian also sets up its own cluster `main`, as on any machine; the tests leave that one alone.
    debian::install("PostgreSQL", &["postgresql"]).map_err(|problem| advice(&problem.to_string()))?;
    find().ok_or_else(|| advice("Debian's package `postgresql` brought no initdb").into())
}

fn find() -> Option<PathBuf> {
    let in_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let candidates = [in_path, told_by_pg_config(), versioned(), vec!["/usr/local/pgsql/bin".into()]];
    let is_complete = |bin: &PathBuf| PROGRAMS.iter().all(|program| bin.join(program).is_file());
    candidates.into_iter().flatten().find(|bin| bin.is_absolute() && is_complete(bin))
}

fn told_by_pg_config() -> Vec<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output();
    output.map(|output| vec![String::from_utf8_lossy(&output.stdout).trim().into()]).unwrap_or_default()
}

/// Directories named after a version, newest first.
fn versioned() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in VERSIONED {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version =
                name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|rest| rest.parse().ok());
            found.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    found.sort_by_key(|(version, _)| Reverse(*version));
    found.into_iter().map(|(_, bin)| bin).collect()
}

fn advice(problem: &str) -> String {
    format!(
        "{problem}. Do one of these:\n  \
         - install PostgreSQL 14 or later (Debian: `apt-get install postgresql`; macOS: `brew install postgresql`)\n  \
         - set {URL_VARIABLE} to a server where the tests may create databases\n  \
         - leave PostgreSQL out: `--sqlite-only`, or `--database sqlite`, as the command has it"
    )
}
