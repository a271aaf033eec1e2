//! A PostgreSQL for tests: a private cluster of the installed version, in a temporary directory, gone afterwards.

mod install;

pub(crate) use install::find_or_install;

use crate::{Result, debian::id};
use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Names the server that the tests use; each test makes a database of its own there.
pub(crate) const URL_VARIABLE: &str = "NEURALBOX_TEST_POSTGRES_URL";

/// A running cluster; dropping it stops it and removes its data.
pub(crate) struct Cluster {
    guard: Child,
    port: u16,
}

impl Cluster {
    /// Starts a cluster with the programs in `bin`, and returns once it accepts connections.
    ///
    /// # Errors
    /// Gives the end of PostgreSQL's log when it does not start.
    pub(crate) fn start(bin: &Path) -> Result<Self> {
        Self::start_as("fast", bin)
    }

    /// As [`Self::start`], but what is committed there is on disk, as in production.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_durable(bin: &Path) -> Result<Self> {
        Self::start_as("durable", bin)
    }

    fn start_as(kind: &str, bin: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new("sh");
        command.args(["-c", include_str!("postgres/guard.sh"), "guard"]);
        let temporary = run_unprivileged(&mut command)?;
        command.arg(bin).arg(temporary).arg(port.to_string()).arg(kind);
        // A process group of its own: Ctrl-C must reach the guard through the pipe, not in the middle of its work.
        command.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut cluster = Self { guard: command.spawn()?, port };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://neuralbox@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let stdout = self.guard.stdout.take().ok_or("the guard has no standard output")?;
        let mut stdout = BufReader::new(stdout);
        let mut said = Vec::new();
        stdout.read_until(b'\n', &mut said)?;
        if said == b"ready\n" {
            return Ok(());
        }
        stdout.read_to_end(&mut said)?;
        Err(format!("no PostgreSQL cluster: {}", String::from_utf8_lossy(&said).trim_end()).into())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Closes the guard's standard input, its sign to clean up. Should waiting fail, it cleans up all the same.
        let _ = self.guard.wait();
    }
}

/// A port that was free a moment ago. Another process may take it before PostgreSQL does; then the start fails and
/// says so.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// PostgreSQL refuses to run as root: makes root's command run as another user. Returns a directory for temporary
/// files that this user can reach.
fn run_unprivileged(command: &mut Command) -> Result<PathBuf> {
    if id(&["-u"]) != Some(0) {
        return Ok(env::temp_dir());
    }
    let user =
        ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    let (uid, gid) =
        user.ok_or("we are root, and there is neither a user `postgres` nor `nobody` to run PostgreSQL")?;
    command.uid(uid).gid(gid);
    // Not root's own $TMPDIR, which others often cannot enter.
    Ok("/tmp".into())
}
