//! Where PostgreSQL's programs are, and what to do when they are nowhere.
#![expect(clippy::print_stderr, reason = "xtask talks to people")]

use super::{URL_VARIABLE, id};
use crate::Result;
use std::{
    cmp::Reverse,
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

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
    let Some(sudo) = root_prefix().filter(|_| answers("apt-get", &["--version"])) else {
        return Err(advice("PostgreSQL is not installed, and xtask cannot install it here").into());
    };
    // Debian also sets up its own cluster `main`, as on any machine; the tests leave that one alone.
    eprintln!("PostgreSQL is not installed; installing Debian's package `postgresql`:");
    apt_get(sudo, &["update"])?;
    apt_get(sudo, &["install", "-y", "--no-install-recommends", "postgresql"])?;
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

/// What to put before a command for it to run as root without a question; `None` when there is no way.
fn root_prefix() -> Option<&'static [&'static str]> {
    if id(&["-u"]) == Some(0) {
        Some(&[])
    } else {
        answers("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
    }
}

fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn apt_get(sudo: &[&str], args: &[&str]) -> Result<()> {
    let line = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    let shown = line.join(" ");
    eprintln!("$ {shown}");
    let status = Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(advice(&format!("`{shown}` ended with {status}")).into()) }
}

fn advice(problem: &str) -> String {
    format!(
        "{problem}. Do one of these:\n  \
         - install PostgreSQL 14 or later (Debian: `apt-get install postgresql`; macOS: `brew install postgresql`)\n  \
         - set {URL_VARIABLE} to a server where the tests may create databases\n  \
         - leave PostgreSQL out: `cargo xtask test --sqlite-only`"
    )
}
