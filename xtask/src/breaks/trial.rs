//! One trial: what is named is built, and then run.

use super::tree::Tree;
use crate::{Result, cargo, postgres, test_name::TestName};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Where the tests run.
pub(super) struct Bench<'a> {
    pub(super) tree: &'a Tree,
    /// `None` without PostgreSQL.
    pub(super) postgres_url: Option<String>,
    /// How long tests may take.
    pub(super) patience: Duration,
}

/// What tests said.
pub(super) enum Verdict {
    /// All passed.
    Green { tests: usize },
    /// These did not.
    Red { tests: Vec<String> },
    /// They did not come to an end.
    Hung,
    /// The test program ended before it had said anything.
    Died,
    /// There was nothing to run.
    NoBuild,
    /// No test has one of the names.
    NoTest,
}

impl Verdict {
    /// Whether it would keep a change from landing, by a test and not by the compiler.
    pub(super) fn is_red(&self) -> bool {
        matches!(self, Self::Red { .. } | Self::Hung | Self::Died)
    }

    /// The tests that failed.
    pub(super) fn red(&self) -> &[String] {
        if let Self::Red { tests } = self { tests } else { &[] }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Green { tests } => write!(f, "all {tests} tests are green"),
            Self::Red { tests } => match tests.as_slice() {
                [one] => write!(f, "{one}"),
                [first, rest @ ..] => write!(f, "{first} and {} more", rest.len()),
                [] => write!(f, "a test"),
            },
            Self::Hung => write!(f, "the tests do not end"),
            Self::Died => write!(f, "the tests die"),
            Self::NoBuild => write!(f, "it does not compile"),
            Self::NoTest => write!(f, "there is no such test"),
        }
    }
}

impl Bench<'_> {
    /// Builds and runs `tests`, up to the first program in which one is red. The output is kept under `name`.
    pub(super) fn run(&self, name: &str, tests: &BTreeSet<&TestName>) -> Result<Verdict> {
        let root = self.tree.sources();
        let mut programs: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for test in tests {
            programs.entry(test.target(&root)).or_default().push(test.filter());
        }
        let log = self.tree.log(name);
        let mut count = 0;
        for (target, filters) in programs {
            let mut build = self.cargo(&target);
            let (status, _) = run_logged(build.arg("--no-run"), &log, Duration::MAX)?;
            if !status.is_some_and(|status| status.success()) {
                return Ok(Verdict::NoBuild);
            }
            let mut test = self.cargo(&target);
            let (status, said) = run_logged(test.arg("--").args(filters), &log, self.patience)?;
            let failed = failed_tests(&said);
            match status {
                None => return Ok(Verdict::Hung),
                Some(_) if !failed.is_empty() => return Ok(Verdict::Red { tests: failed }),
                Some(status) if !status.success() => return Ok(Verdict::Died),
                Some(_) if passed_tests(&said) == 0 => return Ok(Verdict::NoTest),
                Some(_) => count += passed_tests(&said),
            }
        }
        Ok(Verdict::Green { tests: count })
    }

    fn cargo(&self, target: &[String]) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(self.tree.sources()).env("CARGO_TARGET_DIR", self.tree.build());
        // Line numbers are of no use here, and linking them takes long.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").args(["test", "--locked"]).args(target);
        cargo.env("PROPTEST_RNG_SEED", "20260101").env("NEURALBOX_TEST_NO_CLIENTS", "1");
        // Seeds that failed would be tried first the next time, on sources that are whole.
        cargo.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        match &self.postgres_url {
            Some(url) => cargo.env(postgres::URL_VARIABLE, url).env_remove("NEURALBOX_TEST_SQLITE_ONLY"),
            None => cargo.env_remove(postgres::URL_VARIABLE).env("NEURALBOX_TEST_SQLITE_ONLY", "1"),
        };
        cargo
    }
}

/// Runs a command in a process group of its own. No status when it took longer than `patience`: it was killed then.
fn run_logged(command: &mut Command, log: &Path, patience: Duration) -> Result<(Option<ExitStatus>, String)> {
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
    let child = command.spawn()?;
    let status = wait(child, patience)?;
    Ok((status, String::from_utf8_lossy(&fs::read(log)?).into_owned()))
}

fn wait(mut child: Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let group = format!("-{}", child.id());
    let (sender, ended) = mpsc::channel();
    let waiting = thread::spawn(move || sender.send(child.wait()));
    let status = match ended.recv_timeout(patience) {
        Ok(status) => Some(status?),
        Err(_) => {
            Command::new("kill").args(["-KILL", "--", &group]).status()?;
            None
        }
    };
    drop(waiting.join());
    Ok(status)
}

fn failed_tests(said: &str) -> Vec<String> {
    let names = said.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    names.map(str::to_owned).collect()
}

fn passed_tests(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libtest_says_is_understood() {
        let said = "running 3 tests\ntest a::sqlite::b ... ok\ntest a::postgres::b ... FAILED\ntest c ... ok\n\n\
            failures:\n    a::postgres::b\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored\n";
        assert_eq!((failed_tests(said), passed_tests(said)), (vec!["a::postgres::b".to_owned()], 2));
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let wait_for = |script: &str, patience: Duration| {
            let mut command = Command::new("sh");
            let child = command.args(["-c", script]).process_group(0).spawn().unwrap();
            wait(child, patience).unwrap().map(|status| status.code())
        };
        assert_eq!(wait_for("exit 3", Duration::MAX), Some(Some(3)));
        assert_eq!(wait_for("while true; do :; done", Duration::from_millis(50)), None);
    }
}
