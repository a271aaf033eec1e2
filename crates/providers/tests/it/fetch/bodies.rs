//! What comes, and what does not come whole.

use super::{OPEN, STRICT, at_home, fetch, quick};
use domain::port::FetchLimits;
use providers::{FetchError, FetchSettings, Fetcher};
use std::time::Duration;
use testkit::{RawServer, Then, open_stream, plain, read_request};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const BODY: &[u8] = b"a small picture";

#[tokio::test]
async fn files_arrive() {
    let server = RawServer::start(plain(BODY, BODY.len()), Then::Close).await;
    for limits in [STRICT, OPEN, FetchLimits { max_bytes: 15, ..STRICT }] {
        assert_eq!(fetch(&at_home(&[]), &server.url, limits).await.unwrap(), BODY);
    }
}

#[tokio::test]
async fn statuses() {
    let check = async |status: u16, is_expected: fn(&FetchError) -> bool| {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        let error = fetch(&at_home(&[]), &server.uri(), STRICT).await.unwrap_err();
        assert!(is_expected(&error), "{status}: {error}");
    };
    check(404, |error| matches!(error, FetchError::Gone(404))).await;
    check(410, |error| matches!(error, FetchError::Gone(410))).await;
    check(403, |error| matches!(error, FetchError::Refused(403))).await;
    check(500, |error| matches!(error, FetchError::Refused(500))).await;
    check(204, |error| matches!(error, FetchError::Refused(204))).await;
    // A redirect to nowhere.
    check(302, |error| matches!(error, FetchError::Refused(302))).await;
}

#[tokio::test]
async fn troubles() {
    let check = async |bytes: Vec<u8>, then: Then, is_expected: fn(&FetchError) -> bool| {
        let server = RawServer::start(bytes.clone(), then).await;
        let limits = FetchLimits { max_bytes: 14, ..STRICT };
        let error = fetch(&at_home(&[]), &server.url, limits).await.unwrap_err();
        assert!(is_expected(&error), "{}: {error}", String::from_utf8_lossy(&bytes));
    };
    let too_large = |error: &FetchError| matches!(error, FetchError::TooLarge { max_bytes: 14 });
    check(plain(BODY, BODY.len()), Then::Close, too_large).await;
    // Told by its length alone, before the body comes.
    check(plain(BODY, 0), Then::Hang, too_large).await;
    check(open_stream(BODY), Then::Hang, too_large).await;

    let cut = |error: &FetchError| matches!(error, FetchError::Cut);
    check(plain(&BODY[..14], 13), Then::Close, cut).await;
    check(plain(&BODY[..14], 0), Then::Close, cut).await;
    check(open_stream(&BODY[..14]), Then::Close, cut).await;

    let timeout = |error: &FetchError| matches!(error, FetchError::Timeout);
    check(Vec::new(), Then::Hang, timeout).await;
    check(b"HTTP/1.1 200 OK\r\n".to_vec(), Then::Hang, timeout).await;
    check(plain(&BODY[..14], 13), Then::Hang, timeout).await;

    let unreachable = |error: &FetchError| matches!(error, FetchError::Unreachable(_));
    check(Vec::new(), Then::Close, unreachable).await;
    check(b"SSH-2.0-OpenSSH\r\n".to_vec(), Then::Close, unreachable).await;
}

#[tokio::test]
async fn a_body_that_only_trickles_takes_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n").await.unwrap();
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"x").await.is_ok() {
            pause.tick().await;
        }
    });
    let settings = FetchSettings { total_timeout_ms: 500, ..quick() };
    let error = fetch(&Fetcher::new(settings).unwrap(), &url, OPEN).await.unwrap_err();
    assert!(matches!(error, FetchError::Timeout), "{error}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_told_apart() {
    let server = RawServer::start(plain(BODY, BODY.len()), Then::Close).await;
    let folder = tempfile::tempdir().unwrap();
    let error = at_home(&[]).fetch(&server.url, STRICT, folder.path()).await.unwrap_err();
    assert!(matches!(error, FetchError::Disk(_)), "{error}");
}
