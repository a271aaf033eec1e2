//! Streams: how long until the first word, whether words come as they are sent, and what a thousand open ones take.

use crate::{
    Options, Result,
    accounts::Account,
    http::{Bed, MODEL, chat},
    load::Requests,
    measure::{Processes, Until, Watch, measure},
    row::Row,
    server::{self, Server},
    upstream::{self, Pace},
    wire::{Connection, post},
};
use serde_json::json;
use std::{net::SocketAddr, time::Instant};
use tokio::task::JoinSet;

/// What the upstream says in each delta, on any wire.
const WORD: &[u8] = b"salt ";
/// By which an error among the gateway's events is known.
const ERROR: &[u8] = br#""type":"error""#;
/// The end of a body in chunks.
const END: &[u8] = b"0\r\n\r\n";

/// Short, for the first word.
const SHORT: Pace = Pace { deltas: 8, gap_ms: 0 };
/// Close enough for Nagle's algorithm to meet delayed acknowledgements, where it may: then words come 40 ms late.
const CLOSE: Pace = Pace { deltas: 400, gap_ms: 5 };
/// For streams that stay open: four words a second each.
const SLOW_GAP_MS: u32 = 250;
/// Beyond the time that is measured.
const SLOW_SPARE_S: u64 = 60;

pub(crate) async fn run(options: &Options) -> Result<Vec<Row>> {
    let bed = Bed::make(options, "neuralbox_stream").await?;
    let server = bed.serve(&server::beside("neuralbox")?).await?;
    let gateway = |pace: Pace| Target::gateway(&bed, &server, pace);
    let direct = |pace: Pace| Target::upstream(&bed, pace);
    let (connections, streams) = (options.connections, options.streams);
    let deltas = u32::try_from((options.seconds + SLOW_SPARE_S) * 1_000)? / SLOW_GAP_MS;
    let slow = Pace { deltas, gap_ms: SLOW_GAP_MS };
    let mut rows = Vec::new();
    for (name, target, connections, timed) in [
        ("upstream direct, first word, 1 connection", direct(SHORT), 1, Timed::First),
        ("stream, first word, 1 connection", gateway(SHORT), 1, Timed::First),
        (
            &format!("stream, first word, {connections} connections"),
            gateway(SHORT),
            connections,
            Timed::First,
        ),
        ("upstream direct, words 5 ms apart, 1 connection", direct(CLOSE), 1, Timed::Gaps),
        ("stream, words 5 ms apart, 1 connection", gateway(CLOSE), 1, Timed::Gaps),
        (&format!("{streams} open streams, words 250 ms apart"), gateway(slow), streams, Timed::Gaps),
    ] {
        bed.database.settle_down().await?;
        rows.push(row(name, target, connections, timed, bed.until).await?);
    }
    Ok(rows)
}

/// Who is asked for streams, and how.
struct Target {
    addr: SocketAddr,
    requests: Requests,
    processes: Processes,
}

impl Target {
    fn upstream(bed: &Bed, pace: Pace) -> Self {
        let body = chat("deepseek-flash", &pace.words(), true);
        let processes = Processes { upstream: Some(bed.upstream.pid()), ..Processes::default() };
        Self { addr: bed.upstream.addr, requests: [post(upstream::PATH, "bench", &body)].into(), processes }
    }

    fn gateway(bed: &Bed, server: &Server, pace: Pace) -> Self {
        let body = json!({ "model": MODEL, "prompt": pace.words() }).to_string();
        let request = |account: &Account| post("/api/v2/generate/stream", &account.key, &body);
        let requests = bed.accounts.iter().map(request).collect();
        Self { addr: server.addr, requests, processes: bed.processes(server) }
    }
}

/// What is timed, and counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// From a request to its first word.
    First,
    /// From each word to the next.
    Gaps,
}

async fn row(name: &str, target: Target, connections: usize, timed: Timed, until: Until) -> Result<Row> {
    let spawn = |watch: &Watch| {
        let mut running = JoinSet::new();
        for first in 0..connections {
            let (watch, requests) = (watch.clone(), target.requests.clone());
            running.spawn(listen(watch, target.addr, requests, (first, connections), timed));
        }
        running
    };
    measure(name, target.processes, until, spawn).await
}

/// One stream after the other.
async fn listen(
    watch: Watch,
    addr: SocketAddr,
    requests: Requests,
    (first, step): (usize, usize),
    timed: Timed,
) {
    let mut connection = None;
    for turn in (first..).step_by(step) {
        if watch.is_over() {
            return;
        }
        let started = Instant::now();
        let heard = hear(&mut connection, addr, &requests[turn % requests.len()], &watch, timed).await;
        if heard.is_err() {
            connection = None;
            watch.count(started, heard);
        }
    }
}

/// One stream, to its end or until what is measured is over.
async fn hear(
    connection: &mut Option<Connection>,
    addr: SocketAddr,
    request: &[u8],
    watch: &Watch,
    timed: Timed,
) -> Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(Connection::to(addr).await?),
    };
    let mut before = Instant::now();
    connection.write(request).await?;
    let head = connection.response_head().await?;
    if let Some(len) = head.body_len {
        let body = connection.body(len).await?;
        return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)).into());
    }
    let (mut is_first, mut unread) = (true, Vec::new());
    while !watch.is_over() {
        unread.extend(connection.piece().await?);
        let now = Instant::now();
        for _ in 0..words(&mut unread)? {
            let is_counted = if timed == Timed::First { is_first } else { !is_first };
            if is_counted {
                watch.count_time(now.duration_since(before), Ok::<_, &str>(()));
            }
            (is_first, before) = (false, now);
        }
        if unread.ends_with(END) {
            return Ok(());
        }
        // The beginning of a word may be in it.
        unread.drain(..unread.len().saturating_sub(WORD.len() - 1));
    }
    Ok(())
}

/// How many words are in it; they are taken out.
fn words(unread: &mut Vec<u8>) -> Result<usize> {
    if find(unread, ERROR).is_some() {
        return Err(String::from_utf8_lossy(unread).into());
    }
    let mut count = 0;
    while let Some(at) = find(unread, WORD) {
        unread.drain(..at + WORD.len());
        count += 1;
    }
    Ok(count)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_once_wherever_pieces_are_cut() {
        let text = b"data: {\"delta\":\"salt salt \"}\n\ndata: {\"delta\":\"salt \"}\n\n0\r\n\r\n";
        for cut in 0..text.len() {
            let (mut unread, mut count) = (Vec::new(), 0);
            for piece in [&text[..cut], &text[cut..]] {
                unread.extend(piece);
                count += words(&mut unread).unwrap();
                if piece.len() < text.len() && !unread.ends_with(END) {
                    unread.drain(..unread.len().saturating_sub(WORD.len() - 1));
                }
            }
            assert_eq!((count, unread.ends_with(END)), (3, true), "cut at {cut}");
        }
    }
}
