//! A PostgreSQL of a test's own, which can crash without harm to other tests.

use crate::database::programs_of_server;
use std::{
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The directory of PostgreSQL's programs, for who has no server yet.
const PROGRAMS: &str = "NEURALBOX_TEST_POSTGRES_BIN";

/// A running server, gone with its data when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    guard: Child,
    commands: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl PostgresServer {
    /// Starts a server, or none when the tests run without PostgreSQL on purpose. Its programs are those of the server that
    /// the tests use, which must be on this machine.
    pub async fn start() -> Option<Self> {
        let programs = match env::var(PROGRAMS).ok().filter(|path| !path.is_empty()) {
            Some(given) => given,
            None => programs_of_server().await?,
        };
        assert!(
            Path::new(&programs).join("initdb").is_file(),
            "{programs} is not on this machine: set {PROGRAMS} to the directory of PostgreSQL's initdb and pg_ctl"
        );
        Some(tokio::task::block_in_place(|| Self::start_with(&programs)))
    }

    fn start_with(programs: &str) -> Self {
        let port = lasting_port();
        let mut command = Command::new("sh");
        // The same guard as that of `cargo xtask postgres`: it cleans up however this process ends.
        command.args(["-c", include_str!("../../../xtask/src/postgres/guard.sh"), "guard", programs]);
        let temporary = run_unprivileged(&mut command);
        command.arg(temporary).arg(port.to_string()).current_dir("/").process_group(0);
        let mut guard = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let commands = guard.stdin.take();
        let said = BufReader::new(guard.stdout.take().expect("its output is ours"));
        let mut server = Self { guard, commands, said, port };
        server.expect("ready\n");
        server
    }

    /// How to reach it, and its one database.
    pub fn url(&self) -> String {
        format!("postgres://neuralbox@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once, as a crash would: nobody is told, and what was not written is lost.
    pub fn crash(&mut self) {
        self.tell("crash\n");
    }

    /// Starts it again on the same port, and waits until it has recovered.
    pub fn start_again(&mut self) {
        self.tell("start\n");
    }

    fn tell(&mut self, command: &str) {
        tokio::task::block_in_place(|| {
            let commands = self.commands.as_mut().expect("the guard listens");
            commands.write_all(command.as_bytes()).expect("the guard listens");
            self.expect("done\n");
        });
    }

    fn expect(&mut self, word: &str) {
        let mut said = String::new();
        self.said.read_line(&mut said).expect("the guard says UTF-8");
        if said != word {
            // What else it says is gone with it.
            let _ = self.said.read_to_string(&mut said);
            panic!("PostgreSQL: {said}");
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The end of its input is the guard's sign to clean up.
        self.commands = None;
        let _ = self.guard.wait();
    }
}

/// A free port for who may be away for a while: it is none of those that the system gives to whoever asks for any, so that
/// nobody takes it meanwhile. Each call gives another one.
pub fn lasting_port() -> u16 {
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(std::process::id()) % PORTS));
    let next = |_| FIRST_PORT + u16::try_from(NEXT.fetch_add(1, Ordering::Relaxed) % PORTS).expect("few");
    let mut ports = (0..PORTS).map(next);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// Below the ports that systems give for the asking, which begin at 32768 on Linux.
const FIRST_PORT: u16 = 15_000;
const PORTS: u64 = 15_000;

/// PostgreSQL refuses to run as root: makes root's command run as another user. Gives a directory that this one can write.
fn run_unprivileged(command: &mut Command) -> String {
    if id(&["-u"]) != Some(0) {
        return env::temp_dir().display().to_string();
    }
    let user =
        ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    let (user, group) = user.expect("a user `postgres` or `nobody` to run PostgreSQL");
    command.uid(user).gid(group);
    // Not root's own, which others often cannot enter.
    "/tmp".to_owned()
}

fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
