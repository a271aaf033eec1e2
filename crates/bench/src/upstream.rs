//! A vendor that answers at once, in the form of OpenAI's chat completions: what is left of a request's time is ours. It is a
//! process of its own, so that its CPU is nobody else's.

use crate::{Result, process::Pid, wire::Connection};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep_until},
};

/// Where a client without a gateway between asks.
pub(crate) const PATH: &str = "/chat/completions";

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1795000000,"model":"deepseek-flash","choices":[{"index":0,"message":{"role":"assistant","content":"Because rivers wash salt out of the rocks, and the sun takes the water away again but not the salt."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":24,"total_tokens":33,"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":9},"system_fingerprint":"fp_1"}"#;
const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const DELTA: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"deepseek-flash","choices":[{"index":0,"delta":{"content":"salt "},"logprobs":null,"finish_reason":null}]}"#;
const LAST: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"deepseek-flash","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":24,"total_tokens":33,"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":9}}"#;

/// Events of a stream, and what lies between two of them. A prompt asks for them by [`Pace::words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) deltas: u32,
    pub(crate) gap_ms: u32,
}

impl Pace {
    pub(crate) fn words(self) -> String {
        format!("deltas={} gap_ms={}", self.deltas, self.gap_ms)
    }

    fn read(body: &str) -> Self {
        let number = |name: &str| {
            let (_, rest) = body.split_once(name)?;
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse().ok()
        };
        Self { deltas: number("deltas=").unwrap_or(8), gap_ms: number("gap_ms=").unwrap_or(0) }
    }
}

/// The process. It ends when this is dropped, or when this process does.
pub(crate) struct Upstream {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["upstream", "--postgres", ""]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut said)?;
        Ok(Self { child, addr: said.trim().parse()? })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.id()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Is one, until the end of standard input.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = Connection::of(stream)?;
        // Clients break connections off as they like.
        tokio::spawn(async move { drop(answer_all(connection).await) });
    }
}

async fn answer_all(mut connection: Connection) -> Result<()> {
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    while let Some(head) = connection.request_head().await? {
        let body = connection.body(head.body_len.ok_or("a request in chunks")?).await?;
        let body = String::from_utf8_lossy(&body);
        if body.contains("\"stream\":true") {
            stream(&mut connection, Pace::read(&body)).await?;
        } else {
            connection.write(whole.as_bytes()).await?;
        }
    }
    Ok(())
}

/// Each event is sent by itself, when its time has come, however long the one before took.
async fn stream(connection: &mut Connection, pace: Pace) -> Result<()> {
    connection.write(STREAM_HEAD.as_bytes()).await?;
    let (started, event) = (Instant::now(), chunk(DELTA));
    for number in 0..pace.deltas {
        if pace.gap_ms > 0 {
            sleep_until(started + Duration::from_millis(u64::from(pace.gap_ms) * u64::from(number))).await;
        }
        connection.write(event.as_bytes()).await?;
    }
    connection.write(format!("{}{}0\r\n\r\n", chunk(LAST), chunk("[DONE]")).as_bytes()).await
}

fn chunk(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_from_a_prompt() {
        let pace = Pace { deltas: 12, gap_ms: 7 };
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, pace.words());
        assert_eq!(Pace::read(&body), pace);
        assert_eq!(Pace::read("{}"), Pace { deltas: 8, gap_ms: 0 });
    }
}
