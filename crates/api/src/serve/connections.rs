//! Connections: how many there are, and what the heads of their requests may be.

use super::{
    lent::{lend, linger},
    unread,
};
use crate::HttpLimits;
use axum::{Router, extract::ConnectInfo};
use futures_util::TryFutureExt;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

/// Connections that are told at the same time that there are too many; any more are closed without a word.
const TURNED_AWAY_AT_ONCE: usize = 64;
/// How long one of them is listened to, so that its client reads what it is told.
const TURNED_AWAY_LINGER: Duration = Duration::from_secs(1);
/// How long a client is listened to that goes on sending what was refused already.
const LINGER: Duration = Duration::from_secs(5);
/// Pause after the system has refused a connection, for want of files as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
const TOO_MANY: &str = r#"{"error":"overloaded","message":"this process has as many connections as it takes; try again shortly","details":{}}"#;

/// Serves `router` until `stop` is ready; then takes no more connections, and returns when those that are open have been
/// answered.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_headers(limits.max_headers)
        .max_header_size(limits.max_head_bytes);
    let places = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let outside = Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            let router = router.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let (mut request, reading) = unread::watch(request);
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().oneshot(request).map_ok(move |response| reading.tell(response))
            });
            let (stream, returned) = lend(stream);
            let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                // Clients break connections off as they like.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection");
                }
                if let Ok(stream) = returned.await {
                    linger(stream, LINGER).await;
                }
                drop(place);
            });
        } else if let Ok(place) = outside.clone().try_acquire_owned() {
            tokio::spawn(turn_away(stream, place));
        }
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection. One that is gone before it is taken is nobody's trouble.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                super::no_delay(&stream);
                return (stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// Says that there are too many.
async fn turn_away(mut stream: TcpStream, place: OwnedSemaphorePermit) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nconnection: close\r\n\r\n{TOO_MANY}",
        TOO_MANY.len()
    );
    let telling = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(TURNED_AWAY_LINGER, telling).await {
        linger(stream, TURNED_AWAY_LINGER).await;
    }
    drop(place);
}
