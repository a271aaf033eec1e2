//! What a failure says about the next try, as the use-cases hear it.

use super::at_home;
use domain::port::{Fetch, FetchFailureKind, FetchLimits};
use providers::Fetcher;
use std::path::Path;
use testkit::{RawServer, Then, plain};
use tokio::net::TcpListener;

const LIMITS: FetchLimits = FetchLimits { max_bytes: 14, allow_private: false };

async fn kind_at(fetcher: &Fetcher, url: &str, dest: &Path) -> FetchFailureKind {
    let fetcher: &dyn Fetch = fetcher;
    fetcher.fetch(url, LIMITS, dest).await.unwrap_err().kind
}

async fn kind(url: &str) -> FetchFailureKind {
    let folder = tempfile::tempdir().unwrap();
    kind_at(&at_home(&[]), url, &folder.path().join("file")).await
}

/// What it says when the server answers by `bytes`.
async fn kind_after(bytes: &[u8], then: Then) -> FetchFailureKind {
    kind(&RawServer::start(bytes.to_vec(), then).await.url).await
}

#[tokio::test]
async fn of_addresses() {
    for url in ["", "no address", "ftp://127.0.0.1/file", "http://10.0.0.1/file", "http://[::1]/file"] {
        assert_eq!(kind(url).await, FetchFailureKind::BadUrl, "{url}");
    }
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("file");
    let inside = at_home(&[&["10.0.0.1"]]);
    assert_eq!(kind_at(&inside, "http://inside.test/", &dest).await, FetchFailureKind::BadUrl);
    // A name that is not known now: its resolver may be out of reach.
    assert_eq!(kind("http://unknown.test/").await, FetchFailureKind::Passing);
}

#[tokio::test]
async fn of_statuses() {
    let cases = [
        (FetchFailureKind::Gone, &[204, 302, 400, 401, 403, 404, 410, 418, 451][..]),
        (FetchFailureKind::Passing, &[408, 425, 429, 500, 502, 503, 504, 599][..]),
    ];
    for (expected, statuses) in cases {
        for status in statuses {
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            assert_eq!(kind_after(answer.as_bytes(), Then::Close).await, expected, "{status}");
        }
    }
    let loops = b"HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(kind_after(loops, Then::Close).await, FetchFailureKind::Gone);
}

#[tokio::test]
async fn of_bodies() {
    assert_eq!(kind_after(&plain(b"a small picture", 15), Then::Close).await, FetchFailureKind::TooLarge);
    let passing = [
        (plain(b"picture", 3), Then::Close),
        (plain(b"picture", 3), Then::Hang),
        (Vec::new(), Then::Close),
        (Vec::new(), Then::Hang),
    ];
    for (bytes, then) in passing {
        let said = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(kind_after(&bytes, then).await, FetchFailureKind::Passing, "{said}");
    }
}

#[tokio::test]
async fn of_what_is_ours_or_out_of_reach() {
    let server = RawServer::start(plain(b"picture", 7), Then::Close).await;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(kind_at(&at_home(&[]), &server.url, folder.path()).await, FetchFailureKind::Disk);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(kind(&nobody).await, FetchFailureKind::Passing);
}
