//! Ten thousand clients that say nothing, and those that say it slowly, against the real process: it goes on serving everybody
//! else, its memory stays where it was, and they are gone in the end.

use crate::installation::{Installation, Server};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::{net::Ipv4Addr, process::Command, time::Duration};
use testkit::{Backend, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Clients, where the system lets a process have as many files.
const CROWD: usize = 10_000;
/// Files that a process has beside them, at most.
const OTHER_FILES: usize = 500;
/// Those of one address: a machine's ports are for other tests too.
const OF_ONE_ADDRESS: usize = 1_000;
/// Memory that a connection on which nothing has come may take, with all that stands around it. It is a small part of that in a
/// release build.
const KIB_EACH: u64 = 32;
/// As long as anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many clients this process and the one that it starts can have, once they may have as many files as the system lets them.
#[expect(clippy::print_stderr, reason = "whoever reads a test's output should know how far it went")]
fn crowd() -> usize {
    let own = std::process::id().to_string();
    let hard = said_by("sh", &["-c", "ulimit -Hn"]);
    // Where there is no such program, or no need, the limit stays as it is.
    let _ = Command::new("prlimit").args(["--pid", &own, &format!("--nofile={hard}:{hard}")]).status();
    let files = said_by("sh", &["-c", "ulimit -Sn"]).parse().unwrap_or(CROWD + OTHER_FILES);
    let count = CROWD.min(files.saturating_sub(OTHER_FILES));
    assert!(count >= OTHER_FILES, "{files} files are too few for a crowd: see `ulimit -n`");
    if count < CROWD {
        eprintln!(
            "{count} clients in place of {CROWD}, for there are no more than {files} files: see `ulimit -n`"
        );
    }
    count
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Memory that the process has, in KiB.
fn memory_kib(server: &Server) -> u64 {
    status_kib(server, "VmRSS:")
}

fn status_kib(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

async fn connection(server: &Server, number: usize) -> TcpStream {
    let host = u8::try_from(2 + number / OF_ONE_ADDRESS).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(address).await.unwrap()
}

/// So many connections, on each of which `beginning` was sent.
async fn crowded(server: &Server, count: usize, beginning: &str) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = connection(server, number).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    crowd
}

/// The status of the answer that comes next.
async fn status(stream: &mut TcpStream) -> String {
    let mut begun = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut begun)).await.expect("it is answered").unwrap();
    String::from_utf8_lossy(&begun[9..]).into_owned()
}

async fn serving(settings: &[(&str, &str)]) -> (Installation, Server, String) {
    let database = testkit::empty_database(Backend::Sqlite).await.unwrap();
    let installation = settings
        .iter()
        .fold(Installation::new(database), |installation, (name, value)| installation.with(name, value));
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    (installation, server, key)
}

/// Asserts that a generation completes. A connection that was just left may still be counted, which is told by 503.
async fn works(server: &Server, key: &str) {
    let body = json!({ "model": "gpt-5", "prompt": "hello" });
    let reply = within(PATIENCE, async || {
        let reply = server.ask(Method::POST, "/generate", key, Some(&body)).await;
        (reply.status != 503).then_some(reply)
    });
    reply.await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_silent_clients_change_nothing() {
    let count = crowd();
    // Room for them, for our own client, and for no more.
    let most = (count + 8).to_string();
    let settings = [
        ("NEURALBOX__LIMITS__MAX_CONNECTIONS", most.as_str()),
        ("NEURALBOX__LIMITS__HEAD_TIMEOUT_MS", "600000"),
    ];
    let (_installation, server, key) = serving(&settings).await;
    works(&server, &key).await;
    let (alone_kib, alone_files) = (memory_kib(&server), open_files(&server));
    let mut full_kib = Vec::new();
    for beginning in ["", "GET /healthz HTTP/1.1\r\nhost: "] {
        let crowd = crowded(&server, count, beginning).await;
        // Connections are taken in their turn, so when these are answered all of the crowd are in.
        let mut more = crowded(&server, 16, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let statuses = join_all(more.iter_mut().map(status)).await;
        let refused = statuses.iter().filter(|status| *status == "503").count();
        assert!(refused >= 8, "{refused} of 16 were told that there are too many: {statuses:?}");
        drop(more);
        works(&server, &key).await;
        full_kib.push(memory_kib(&server));
        drop(crowd);
        // Once they have left there is room again.
        within(PATIENCE, async || (open_files(&server) < alone_files + 16).then_some(())).await;
    }
    let count = u64::try_from(count).unwrap();
    for kib in full_kib {
        let each = kib.saturating_sub(alone_kib) / count;
        assert!(each <= KIB_EACH, "{count} clients: {alone_kib} KiB have become {kib}, {each} KiB each");
    }
    works(&server, &key).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_it_slowly_is_cut_off() {
    let settings = [
        ("NEURALBOX__LIMITS__HEAD_TIMEOUT_MS", "1000"),
        ("NEURALBOX__LIMITS__BODY_TIMEOUT_MS", "1000"),
        ("NEURALBOX__LIMITS__UPLOAD_TIMEOUT_MS", "1000"),
    ];
    let (_installation, server, key) = serving(&settings).await;
    let json = "content-type: application/json\r\n".to_owned();
    let form = "content-type: multipart/form-data; boundary=x\r\n";
    let post = |path: &str, headers: &str| {
        format!(
            "POST /api/v2{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100000\r\n{headers}\r\n"
        )
    };
    let mut slow = vec![(String::new(), "GET /healthz HTTP/1.1\r\nx-long: ".to_owned(), false)];
    for path in
        ["/generate", "/models/gpt-5/calculate-price", "/auth/login", "/billing/notifications/yookassa"]
    {
        slow.push((post(path, &json), "{\"params\":{\"prompt\":\"".to_owned(), true));
    }
    slow.push((post("/callbacks/token", ""), "x".to_owned(), true));
    slow.push((
        post("/files", form),
        "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_owned(),
        true,
    ));
    let each = 25;
    let before_kib = memory_kib(&server);
    let clients = slow.iter().flat_map(|client| std::iter::repeat_n(client, each)).enumerate();
    let answers = join_all(clients.map(async |(number, (head, rest, is_answered))| {
        let mut stream = connection(&server, number).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        (said_slowly(stream, rest).await, *is_answered)
    }));
    for (answer, is_answered) in answers.await {
        if !is_answered {
            assert_eq!(answer, "");
            continue;
        }
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["error"], "bad_request", "{answer}");
        assert!(body["message"].as_str().unwrap().contains("did not come in time"), "{answer}");
    }
    let grown_kib = memory_kib(&server).saturating_sub(before_kib);
    assert!(grown_kib < 64 * 1_024, "{grown_kib} KiB");
    works(&server, &key).await;
    assert_eq!(server.balance(&key).await, 1_498);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_body_does_not_grow_in_memory() {
    const BYTES: usize = 16 * 1_024 * 1_024;
    let (_installation, server, key) = serving(&[]).await;
    works(&server, &key).await;
    let filled = |beginning: &str, part: &str, end: &str| {
        format!("{beginning}{}{end}", part.repeat((BYTES - beginning.len() - end.len()) / part.len()))
    };
    let many_fields: String = (0..1_000_000).map(|n| format!("\"{n}\":0,")).collect();
    let bodies = [
        filled("{\"params\":[0", ",0", "]}"),
        filled("{\"params\":[{}", ",{}", "]}"),
        filled("{\"params\":", "[", ""),
        filled("{\"params\":", "{\"a\":", ""),
        format!("{{\"params\":{{{many_fields}\"a\":0}}}}"),
    ];
    let before_kib = memory_kib(&server);
    let asked = bodies.iter().flat_map(|body| [body, body]).map(async |body| {
        let request = server.http.post(format!("{}/api/v2/models/gpt-5/calculate-price", server.url));
        testkit::send(request.header("content-type", "application/json").body(body.clone())).await
    });
    let (replies, bodies_kib) =
        (join_all(asked).await, u64::try_from(2 * bodies.len() * BYTES / 1_024).unwrap());
    for reply in &replies {
        assert_eq!(reply.expect(400)["error"], "bad_request", "{reply:?}");
    }
    // Each is in memory once or twice while it is read, and not as the values that it would be.
    let peak_kib = status_kib(&server, "VmHWM:");
    assert!(peak_kib < before_kib + 4 * bodies_kib, "{before_kib} KiB have become {peak_kib}");
    works(&server, &key).await;
}

/// Says `rest`, and then one byte after the other for as long as anybody listens; gives what was answered.
async fn said_slowly(stream: TcpStream, rest: &str) -> String {
    let (reading, mut writing) = stream.into_split();
    let rest = rest.to_owned();
    let saying = tokio::spawn(async move {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        let mut bytes = rest.into_bytes().into_iter().chain(std::iter::repeat(b'x'));
        while let Some(byte) = bytes.next()
            && writing.write_all(&[byte]).await.is_ok()
        {
            pause.tick().await;
        }
    });
    let mut reading = reading;
    let mut told = Vec::new();
    // What was said before a reset counts.
    let _ = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut told)).await.expect("it is cut off");
    saying.abort();
    String::from_utf8(told).unwrap()
}
