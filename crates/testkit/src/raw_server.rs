//! A server that says exactly the bytes it is told to, for what a well-behaved one does not do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What comes after the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The end of the connection.
    Close,
    /// Nothing.
    Hang,
}

/// A server on this machine that answers every request in the same way.
#[derive(Debug)]
pub struct RawServer {
    /// Where it is; no slash at the end.
    pub url: String,
    requests: Arc<AtomicUsize>,
}

impl RawServer {
    /// Answers each request by `bytes`, and then does as it is told.
    pub async fn start(bytes: Vec<u8>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let requests = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, bytes, then, requests.clone()));
        Self { url, requests }
    }

    /// Requests that came so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, bytes: Vec<u8>, then: Then, requests: Arc<AtomicUsize>) {
    let mut hanging = Vec::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        if !read_request(&mut stream).await {
            continue;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        // Whoever asked may be gone.
        let _ = stream.write_all(&bytes).await;
        match then {
            Then::Close => drop(stream.shutdown().await),
            Then::Hang => hanging.push(stream),
        }
    }
}

/// Reads all of a request, so that closing the connection is no reset. `false` when it ends before.
pub async fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let body_length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body_length = body_length.map_or(0, |length| length.parse::<usize>().expect("a length"));
        if request.len() >= head.len() + 4 + body_length {
            return true;
        }
    }
    false
}

/// An answer whose body is `body`, of which only the first `sent` bytes come.
pub fn plain(body: &[u8], sent: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body[..sent]].concat()
}

/// A streamed answer that has said `body` so far, and not that this was all.
pub fn open_stream(body: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let size = format!("{:x}\r\n", body.len());
    [head.as_bytes(), size.as_bytes(), body, b"\r\n"].concat()
}
