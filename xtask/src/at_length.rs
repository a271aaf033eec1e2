//! Running one test at length that the full run of the tests has in short: a simulation, by its seed.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{Result, cargo, postgres};
use std::{
    env,
    hash::{BuildHasher, RandomState},
    path::Path,
    process::{Command, Stdio},
};

/// In memory, where the system has such a place: nothing here is about power cuts.
const MEMORY: &str = "/dev/shm";

/// On what a simulation runs.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What is to be run.
pub(crate) struct AtLength<'a> {
    pub(crate) package: &'a str,
    /// The module of the test, and its name in the module of the database.
    pub(crate) test: (&'a str, &'a str),
    pub(crate) database: Database,
    /// A build that is slower, and sooner made.
    pub(crate) debug: bool,
    /// Whether standard output is for something else.
    pub(crate) is_quiet: bool,
    /// Whether it does one thing at a time. On a core of its own that goes twice as fast: its threads need not be woken on
    /// another one.
    pub(crate) is_serial: bool,
    /// What the test is told by its environment.
    pub(crate) settings: Vec<(String, String)>,
}

impl AtLength<'_> {
    /// Runs it, and ends when it does.
    ///
    /// # Errors
    /// When the test fails, or there is no such test.
    pub(crate) fn run(&self) -> Result<()> {
        let (module, name) = self.test;
        let test = format!("{module}::{}::{name}", self.database.name());
        self.require(&test)?;
        // What there is to build is built by now.
        let mut command = if self.is_serial { cargo_on_one_core() } else { cargo() };
        command.args(self.args()).args(["--exact", "--nocapture", &test]);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        // Dropped when the test has ended.
        let mut cluster = None;
        match self.database {
            Database::Sqlite if Path::new(MEMORY).is_dir() => drop(command.env("TMPDIR", MEMORY)),
            Database::Sqlite => {}
            Database::Postgres if env::var(postgres::URL_VARIABLE).unwrap_or_default().is_empty() => {
                let own = cluster.insert(postgres::Cluster::start(&postgres::find_or_install()?)?);
                command.env(postgres::URL_VARIABLE, own.url());
            }
            Database::Postgres => {}
        }
        if self.is_quiet {
            command.stdout(Stdio::null());
        } else {
            println!("$ cargo {} --exact {test}", self.args().join(" "));
        }
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(format!("`{test}` ended with {status}").into()) }
    }

    fn args(&self) -> Vec<&str> {
        let release = if self.debug { None } else { Some("--release") };
        let test = ["--locked", "-p", self.package, "--test", "it", "--"];
        ["test"].into_iter().chain(release).chain(test).collect()
    }

    /// A filter that fits no test is no error to cargo, and nothing would have been tried.
    fn require(&self, test: &str) -> Result<()> {
        let mut listing = cargo();
        listing.args(self.args()).args(["--exact", "--list", test]);
        let listed = listing.stderr(Stdio::inherit()).output()?;
        let names = String::from_utf8_lossy(&listed.stdout);
        if names.lines().any(|line| line.strip_suffix(": test") == Some(test)) {
            return Ok(());
        }
        Err(format!("there is no test {test}").into())
    }
}

/// A cargo whose children stay on one core, where the system has a program for that.
fn cargo_on_one_core() -> Command {
    const TASKSET: [&str; 2] = ["-c", "0"];
    let can = Command::new("taskset").args(TASKSET).arg("true").status().is_ok_and(|status| status.success());
    if !can {
        return cargo();
    }
    let mut command = Command::new("taskset");
    command.args(TASKSET).arg(cargo().get_program());
    command
}

/// Another seed each time.
pub(crate) fn any_seed() -> u64 {
    RandomState::new().hash_one(())
}
