//! Connections that ask the same again and again.

use crate::{Result, measure::Watch, wire::Connection};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tokio::task::JoinSet;

/// Whole requests. Connections go through them in turns, and no two send the same one at the same time while there are
/// enough.
pub(crate) type Requests = Arc<[Box<[u8]>]>;

/// Opens so many connections, each of which sends its next request when it has the answer to the one before.
pub(crate) fn ask(watch: &Watch, addr: SocketAddr, requests: &Requests, connections: usize) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for first in 0..connections {
        running.spawn(ask_on_one(watch.clone(), addr, requests.clone(), (first, connections)));
    }
    running
}

async fn ask_on_one(watch: Watch, addr: SocketAddr, requests: Requests, (first, step): (usize, usize)) {
    let mut connection = None;
    for turn in (first..).step_by(step) {
        if watch.is_over() {
            return;
        }
        let started = Instant::now();
        let result = exchange(&mut connection, addr, &requests[turn % requests.len()]).await;
        if result.is_err() {
            connection = None;
        }
        watch.count(started, result);
    }
}

/// One request and its answer, on an open connection or a new one.
async fn exchange(connection: &mut Option<Connection>, addr: SocketAddr, request: &[u8]) -> Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(Connection::to(addr).await?),
    };
    connection.write(request).await?;
    let head = connection.response_head().await?;
    let body = connection.body(head.body_len.ok_or("an answer in chunks")?).await?;
    if head.status == 200 {
        return Ok(());
    }
    Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)).into())
}
