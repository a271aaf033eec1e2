//! Serving on a socket.

mod connections;
mod lent;
mod unread;

use crate::{HttpSettings, router};
use app::App;
use axum::serve::ListenerExt;
use std::io;
use tokio::net::{TcpListener, TcpStream};

/// Serves the API on `listener` until `stop` is ready; then takes no more connections, and returns when those that are
/// open have been answered.
pub async fn serve(
    listener: TcpListener,
    app: App,
    http: HttpSettings,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    connections::serve(listener, router(app, &http), http.limits, stop).await;
}

/// Serves on `listener` what the operator of a process asks that serves nobody else: `/healthz`, `/readyz` and `/metrics`.
/// Until it is dropped: no answer of these has to be waited for.
///
/// # Errors
/// The listener's.
pub async fn serve_operations(listener: TcpListener, app: App) -> io::Result<()> {
    axum::serve(listener.tap_io(|stream| no_delay(stream)), router::operations(app)).await
}

/// Otherwise Nagle's algorithm meets delayed acknowledgements, and small answers come 40 ms late.
fn no_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::warn!(%error, "TCP_NODELAY");
    }
}
