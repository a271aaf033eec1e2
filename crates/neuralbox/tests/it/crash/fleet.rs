//! The processes, each of which is started again whenever it should run and does not.

use crate::installation::Installation;
use reqwest::Client;
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};
use tokio::time::Instant;

/// Between two starts of a process that ends by itself, as its supervisor would have it.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
/// How long a start may take.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// What a process says once it runs.
const RUNNING: [&str; 2] = ["serving on", "INFO worker"];

/// All processes of an installation.
pub(super) struct Fleet {
    processes: Vec<Process>,
    logs: PathBuf,
    /// What no process should do.
    pub(super) problems: Vec<String>,
}

struct Process {
    name: String,
    arguments: &'static [&'static str],
    /// The variable that gives it its address, and the address.
    bind: (&'static str, String),
    child: Option<Child>,
    is_wanted: bool,
    started_at: Instant,
    /// Where its log began when it was started last.
    log_start: u64,
}

impl Fleet {
    /// One process that does everything.
    pub(super) fn alone(logs: PathBuf) -> Self {
        Self::of(vec![Process::server("server", &["serve"])], logs)
    }

    /// Two servers and two workers.
    pub(super) fn many(logs: PathBuf) -> Self {
        let serve = &["serve", "--no-worker"];
        let servers = ["server-1", "server-2"].map(|name| Process::server(name, serve));
        let workers = ["worker-1", "worker-2"].map(Process::worker);
        Self::of(servers.into_iter().chain(workers).collect(), logs)
    }

    fn of(processes: Vec<Process>, logs: PathBuf) -> Self {
        Self { processes, logs, problems: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.processes.len()
    }

    pub(super) fn name(&self, index: usize) -> &str {
        &self.processes[index].name
    }

    /// Where the servers are.
    pub(super) fn urls(&self) -> Vec<String> {
        let servers = self.processes.iter().filter(|process| process.arguments[0] == "serve");
        servers.map(|process| format!("http://{}", process.bind.1)).collect()
    }

    /// Ends a process at once.
    pub(super) fn kill(&mut self, index: usize) {
        let process = &mut self.processes[index];
        process.is_wanted = false;
        if let Some(mut child) = process.child.take() {
            // It may have ended by itself just now.
            let _ = child.kill();
            child.wait().expect("a process that was started here");
        }
    }

    /// Has every process run again.
    pub(super) fn want_all(&mut self, installation: &Installation) {
        for process in &mut self.processes {
            process.is_wanted = true;
        }
        self.mind(installation);
    }

    /// Starts what should run and does not. A process that ran may end by a kill alone.
    pub(super) fn mind(&mut self, installation: &Installation) {
        let logs = &self.logs;
        for process in self.processes.iter_mut().filter(|process| process.is_wanted) {
            match process.child.as_mut().map(|child| child.try_wait().expect("a child of ours")) {
                Some(None) => continue,
                Some(Some(status)) => {
                    let said = process.said(logs);
                    if RUNNING.iter().any(|words| said.contains(words)) {
                        let last = said.lines().last().unwrap_or_default();
                        self.problems.push(format!("{} ended by itself with {status}: {last}", process.name));
                    }
                    process.child = None;
                }
                None => {}
            }
            if process.started_at.elapsed() >= RESTART_PAUSE {
                process.start(installation, logs);
            }
        }
    }

    /// Waits until every process says that it is ready.
    pub(super) async fn ready(&mut self, installation: &Installation, http: &Client) {
        let started = Instant::now();
        self.want_all(installation);
        for index in 0..self.processes.len() {
            let url = format!("http://{}/readyz", self.processes[index].bind.1);
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                let name = &self.processes[index].name;
                assert!(started.elapsed() < START_PATIENCE, "{name} is not ready: see {:?}", self.logs);
                testkit::pass(Duration::from_millis(50)).await;
                self.mind(installation);
            }
        }
    }

    /// Where some process has panicked.
    pub(super) fn panics(&self) -> Vec<String> {
        let mut panics = Vec::new();
        for process in &self.processes {
            let log = fs::read_to_string(process.log(&self.logs)).unwrap_or_default();
            let lines = log.lines().filter(|line| line.contains("panicked"));
            panics.extend(lines.map(|line| format!("{}: {line}", process.name)));
        }
        panics
    }
}

impl Process {
    fn server(name: &str, arguments: &'static [&'static str]) -> Self {
        Self::new(name, arguments, "NEURALBOX__SERVER__BIND")
    }

    fn worker(name: &str) -> Self {
        Self::new(name, &["worker"], "NEURALBOX__WORKER__BIND")
    }

    fn new(name: &str, arguments: &'static [&'static str], variable: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            arguments,
            bind: (variable, format!("127.0.0.1:{}", testkit::lasting_port())),
            child: None,
            is_wanted: false,
            started_at: Instant::now() - RESTART_PAUSE,
            log_start: 0,
        }
    }

    fn log(&self, logs: &std::path::Path) -> PathBuf {
        logs.join(format!("{}.log", self.name))
    }

    fn start(&mut self, installation: &Installation, logs: &std::path::Path) {
        let log = File::options().create(true).append(true).open(self.log(logs)).expect("a file for the log");
        self.log_start = log.metadata().expect("a file that was just opened").len();
        let mut command = installation.command(self.arguments);
        command.env(self.bind.0, &self.bind.1).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("the binary"));
        self.started_at = Instant::now();
    }

    /// What it said since it was started last.
    fn said(&self, logs: &std::path::Path) -> String {
        let mut said = Vec::new();
        let mut log = File::open(self.log(logs)).expect("the log");
        log.seek(SeekFrom::Start(self.log_start)).expect("a file");
        log.read_to_end(&mut said).expect("a file");
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for index in 0..self.processes.len() {
            self.kill(index);
        }
    }
}
