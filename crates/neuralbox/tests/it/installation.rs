//! The binary, and the database and settings that it is run with.

use reqwest::{Client, Method};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tempfile::TempDir;
use testkit::{Reply, TestDatabase, within};

/// How long a process may take for what it does at once.
const SOON: Duration = Duration::from_secs(20);

/// A database, and the settings to reach it.
pub(crate) struct Installation {
    pub(crate) database: TestDatabase,
    settings: Vec<(String, String)>,
    /// The working directory of all its processes.
    folder: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Installation {
    pub(crate) fn new(database: TestDatabase) -> Self {
        let settings =
            [("NEURALBOX__SERVER__BIND", "127.0.0.1:0"), ("NEURALBOX__DATABASE__URL", &database.url)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { settings: settings.into(), database, folder: tempfile::tempdir().unwrap() }
    }

    /// The same with one more setting, as an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What was set by [`Self::with`].
    pub(crate) fn setting(&self, name: &str) -> &str {
        &self.settings.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// The binary with these arguments, and the settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neuralbox"));
        command.args(arguments);
        self.at_home(command)
    }

    /// The same with our folder and settings.
    fn at_home(&self, mut command: Command) -> Command {
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command, which must soon come to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_within(arguments, SOON)
    }

    /// Runs a command, which must come to its end in that time.
    pub(crate) fn run_within(&self, arguments: &[&str], limit: Duration) -> Said {
        self.end(self.command(arguments), limit)
    }

    /// Runs a command that reads `input`.
    pub(crate) fn run_reading(&self, input: &str, arguments: &[&str]) -> Said {
        let path = self.folder.path().join("input");
        std::fs::write(&path, input).unwrap();
        let mut command = self.command(arguments);
        command.stdin(std::fs::File::open(path).unwrap());
        self.end(command, SOON)
    }

    fn end(&self, mut command: Command, limit: Duration) -> Said {
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = process.id();
        let (sender, outputs) = mpsc::channel();
        // Whoever asked may have given up.
        thread::spawn(move || drop(sender.send(process.wait_with_output())));
        let Ok(output) = outputs.recv_timeout(limit) else {
            signal(id, "KILL");
            panic!("{command:?} does not end, with {:?}", self.settings);
        };
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that is interrupted, as by Ctrl-C, once it has said `heard`.
    pub(crate) fn run_interrupted(&self, arguments: &[&str], heard: &str) -> Said {
        let mut process =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, outputs) = mpsc::channel();
        let (id, output) = (process.id(), BufReader::new(process.stdout.take().unwrap()));
        let heard = heard.to_owned();
        thread::spawn(move || {
            let mut stdout = String::new();
            for line in output.lines().map_while(Result::ok) {
                if line.contains(&heard) {
                    signal(id, "INT");
                }
                stdout.push_str(&line);
                stdout.push('\n');
            }
            // Whoever asked may have given up.
            let _ = sender.send(stdout);
        });
        let Ok(stdout) = outputs.recv_timeout(SOON) else {
            process.kill().unwrap();
            panic!("{arguments:?} does not end");
        };
        Said { code: process.wait().unwrap().code(), stdout, stderr: String::new() }
    }

    /// Runs a command that must succeed, and reads the JSON that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(arguments).succeeded().json()
    }

    /// Opens an account on vip with so many permanent tokens, and gives its id and its key.
    pub(crate) fn account(&self, email: &str, tokens: i64) -> (i64, String) {
        self.account_on("vip", email, tokens)
    }

    /// The same on another plan.
    pub(crate) fn account_on(&self, plan: &str, email: &str, tokens: i64) -> (i64, String) {
        let tokens = tokens.to_string();
        let arguments =
            ["account", "create", "--email", email, "--plan", plan, "--tokens", &tokens, "--json"];
        let created = self.json(&arguments);
        (created["account_id"].as_i64().unwrap(), created["api_key"].as_str().unwrap().to_owned())
    }

    /// Starts a server, and waits until it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        self.start(&[&["serve"], arguments].concat(), true)
    }

    /// Starts a worker that has an address, and waits until it listens.
    pub(crate) fn work(&self) -> Server {
        self.start(&["worker"], true)
    }

    /// The same for a server whose output nobody reads any more once it listens.
    pub(crate) fn serve_unheard(&self, arguments: &[&str]) -> Server {
        self.start(&[&["serve"], arguments].concat(), false)
    }

    /// Starts a server that is not ended by the limit on the size of files, but told of it.
    pub(crate) fn serve_despite_file_limits(&self, arguments: &[&str]) -> Server {
        let binary = env!("CARGO_BIN_EXE_neuralbox");
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" serve \"$@\"", binary]).args(arguments);
        self.launch(self.at_home(command), true)
    }

    fn start(&self, arguments: &[&str], is_heard: bool) -> Server {
        self.launch(self.command(arguments), is_heard)
    }

    fn launch(&self, mut command: Command, is_heard: bool) -> Server {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, urls) = mpsc::channel();
        let mut stdout = process.stdout.take().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let reading = thread::spawn(move || {
            let mut said = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("serving on ") {
                    let url = rest.split('"').next().unwrap_or_default().trim().to_owned();
                    // Nobody may be waiting any more.
                    let _ = sender.send(url);
                    if !is_heard {
                        return said;
                    }
                }
                said.push_str(&line);
                said.push('\n');
            }
            stdout.read_to_string(&mut said).unwrap();
            said
        });
        let url = urls.recv_timeout(SOON).expect("the server says where it listens");
        Server { process, url, http: testkit::http_client(), reading: Some(reading) }
    }
}

impl Said {
    /// The same, if the command succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The same, if the command failed and said why in these words.
    pub(crate) fn failed(self, why: &str) -> Self {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.stderr.contains(why), "{self:?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Sends a signal to a process that was started here and has not been waited for.
fn signal(process_id: u32, name: &str) {
    let kill = format!("kill -{name} {process_id}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// A running server. Killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    pub(crate) http: Client,
    reading: Option<JoinHandle<String>>,
}

impl Server {
    /// A request to a path under `/api/v2`, answered.
    pub(crate) async fn ask(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> Reply {
        testkit::send(self.request(method, path, key, body)).await
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v2{path}", self.url)).bearer_auth(key);
        match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What can be spent with `key`.
    pub(crate) async fn balance(&self, key: &str) -> i64 {
        let balance = self.ask(Method::GET, "/balance", key, None).await.expect(200);
        balance["token_balance"].as_i64().unwrap()
    }

    /// Ends the process at once, as a crash would, and gives what it said.
    pub(crate) fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.reading.take().unwrap().join().unwrap()
    }

    /// Limits how large its files may be, in bytes, or lifts that limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let id = self.process.id().to_string();
        let status = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={limit}:")]).status();
        assert!(status.unwrap().success());
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        signal(self.process.id(), "TERM");
    }

    /// Waits for the process to end by itself, and gives its exit status and what it said.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String) {
        let status = within(SOON, async || self.process.try_wait().unwrap()).await;
        (status.code(), self.reading.take().unwrap().join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
