//! How much one connection, and one request, may ask of a process.

use std::time::Duration;

/// What a connection and a request may take. What belongs to an account or an address is limited elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Connections that are open at the same time.
    pub max_connections: usize,
    /// Milliseconds in which the head of a request must have come, counted from the connection or from the answer before.
    pub head_timeout_ms: u64,
    /// Headers that a request may have.
    pub max_headers: usize,
    /// Bytes that they may have, with the line before them.
    pub max_head_bytes: usize,
    /// Bytes that a body may have which is no upload; some routes take less.
    pub max_body_bytes: usize,
    /// Milliseconds in which such a body must have come. An upload may be silent for as long.
    pub body_timeout_ms: u64,
    /// Milliseconds in which an upload must have come.
    pub upload_timeout_ms: u64,
}

impl HttpLimits {
    pub(crate) const fn head_timeout(self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    pub(crate) const fn body_timeout(self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(crate) const fn upload_timeout(self) -> Duration {
        Duration::from_millis(self.upload_timeout_ms)
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            head_timeout_ms: 30_000,
            max_headers: 100,
            max_head_bytes: 64 * 1024,
            // A conversation with a few pictures in it.
            max_body_bytes: 16 * 1024 * 1024,
            body_timeout_ms: 30_000,
            upload_timeout_ms: 600_000,
        }
    }
}
