//! A server that says exactly the bytes it is told to and closes, for what a well-behaved one does not do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub struct RawServer {
    pub url: String,
    requests: Arc<AtomicUsize>,
}

impl RawServer {
    pub async fn start(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, bytes, requests.clone()));
        Self { url, requests }
    }

    /// Requests that came so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, bytes: Vec<u8>, requests: Arc<AtomicUsize>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        requests.fetch_add(1, Ordering::SeqCst);
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

/// Reads all of a request, so that closing the connection is no reset.
async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let body_length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body_length = body_length.map_or(0, |length| length.parse::<usize>().unwrap());
        if length == 0 || request.len() >= head.len() + 4 + body_length {
            return;
        }
    }
}
