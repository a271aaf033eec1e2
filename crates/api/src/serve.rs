//! Serving on a socket.

use app::App;
use axum::serve::ListenerExt;
use std::{future::Future, io};
use tokio::net::TcpListener;

/// Serves the API on `listener` until `stop` is ready; then takes no more connections, and returns when those that are
/// open have been answered.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Otherwise Nagle's algorithm meets delayed acknowledgements, and small answers come 40 ms late.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "TCP_NODELAY");
        }
    });
    axum::serve(listener, crate::router(app)).with_graceful_shutdown(stop).await
}
