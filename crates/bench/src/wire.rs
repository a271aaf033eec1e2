//! Just enough HTTP/1.1 to ask and to answer on connections that stay open: what is measured is what is asked, not who asks.

use crate::Result;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Headers that a message may have.
const MAX_HEADERS: usize = 32;

/// One end of a connection. Nothing that is written waits for more.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What has come and is not read yet.
    unread: Vec<u8>,
}

/// What the head of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// 0 for a request.
    pub(crate) status: u16,
    /// Bytes of the body; `None` when it comes in chunks.
    pub(crate) body_len: Option<usize>,
}

impl Connection {
    pub(crate) async fn to(addr: SocketAddr) -> Result<Self> {
        Self::of(TcpStream::connect(addr).await?)
    }

    pub(crate) fn of(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::with_capacity(16 * 1_024) })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The head of the next response.
    pub(crate) async fn response_head(&mut self) -> Result<Head> {
        self.head(|bytes| {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(len) = response.parse(bytes)? else { return Ok(None) };
            Ok(Some((len, head(response.code.unwrap_or_default(), response.headers)?)))
        })
        .await?
        .ok_or_else(|| "the connection ended before its answer".into())
    }

    /// The head of the next request; `None` when there is no more.
    pub(crate) async fn request_head(&mut self) -> Result<Option<Head>> {
        self.head(|bytes| {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            let httparse::Status::Complete(len) = request.parse(bytes)? else { return Ok(None) };
            Ok(Some((len, head(0, request.headers)?)))
        })
        .await
    }

    async fn head(&mut self, parse: impl Fn(&[u8]) -> Result<Option<(usize, Head)>>) -> Result<Option<Head>> {
        loop {
            if let Some((len, head)) = parse(&self.unread)? {
                self.unread.drain(..len);
                return Ok(Some(head));
            }
            if !self.read_more().await? {
                return Ok(None);
            }
        }
    }

    /// A body of known length.
    pub(crate) async fn body(&mut self, len: usize) -> Result<Vec<u8>> {
        while self.unread.len() < len {
            if !self.read_more().await? {
                return Err("the connection ended in the middle of a body".into());
            }
        }
        Ok(self.unread.drain(..len).collect())
    }

    /// What has come since the last time, as it stands on the wire; waits when that is nothing.
    pub(crate) async fn piece(&mut self) -> Result<Vec<u8>> {
        if self.unread.is_empty() && !self.read_more().await? {
            return Err("the connection ended in the middle of a stream".into());
        }
        Ok(std::mem::take(&mut self.unread))
    }

    async fn read_more(&mut self) -> Result<bool> {
        Ok(self.stream.read_buf(&mut self.unread).await? > 0)
    }
}

fn head(status: u16, headers: &[httparse::Header<'_>]) -> Result<Head> {
    let value = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let body_len = match (value("content-length"), value("transfer-encoding")) {
        (Some(len), _) => Some(std::str::from_utf8(len.value)?.trim().parse()?),
        (None, Some(_)) => None,
        (None, None) => Some(0),
    };
    Ok(Head { status, body_len })
}

/// A whole request, ready to be sent again and again.
pub(crate) fn post(path: &str, bearer: &str, body: &str) -> Box<[u8]> {
    let len = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {bearer}\r\ncontent-type: application/json\r\n\
         content-length: {len}\r\n\r\n{body}"
    )
    .into_bytes()
    .into()
}
