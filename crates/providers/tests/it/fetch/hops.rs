//! Redirects, and names that change their mind.

use super::{OPEN, STRICT, at_home, fetch};
use providers::FetchError;
use testkit::{RawServer, Then, plain};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

/// A server whose `/file` is a file, and whose `/from` redirects to `location`.
async fn redirecting(status: u16, location: &str) -> MockServer {
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(status).insert_header("location", location);
    Mock::given(path("/from")).respond_with(redirect).mount(&server).await;
    Mock::given(path("/file"))
        .respond_with(ResponseTemplate::new(200).set_body_string("here"))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        for location in ["/file", "file", "/file?signature=1#top"] {
            let server = redirecting(status, location).await;
            let url = format!("{}/from", server.uri());
            let body = fetch(&at_home(&[]), &url, STRICT).await.unwrap();
            assert_eq!(body, b"here");
            let requests = server.received_requests().await.unwrap();
            assert!(requests.iter().all(|request| !request.headers.contains_key("referer")));
        }
    }
}

#[tokio::test]
async fn every_hop_is_checked() {
    let forbidden = |error: &FetchError| matches!(error, FetchError::Forbidden);
    let bad_url = |error: &FetchError| matches!(error, FetchError::BadUrl(_));
    let check = async |location: &str, is_expected: fn(&FetchError) -> bool| {
        let server = redirecting(302, location).await;
        let fetcher = at_home(&[&["10.0.0.1"]]);
        let error = fetch(&fetcher, &format!("{}/from", server.uri()), STRICT).await.unwrap_err();
        assert!(is_expected(&error), "{location}: {error}");
    };
    check("http://169.254.169.254/latest/meta-data/", forbidden).await;
    check("http://127.0.0.2/", forbidden).await;
    check("http://2130706434/", forbidden).await;
    check("//[::1]/", forbidden).await;
    check("http://inside.test/", forbidden).await;
    check("file:///etc/passwd", bad_url).await;
    check("http://user:secret@127.0.0.1/", bad_url).await;
    check("http://[", bad_url).await;
}

#[tokio::test]
async fn redirects_end() {
    let server = redirecting(302, "/from").await;
    let error = fetch(&at_home(&[]), &format!("{}/from", server.uri()), STRICT).await.unwrap_err();
    assert!(matches!(error, FetchError::TooManyRedirects), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_name_is_checked_each_time_it_is_resolved() {
    let server = RawServer::start(plain(b"here", 4), Then::Close).await;
    let url = server.url.replace("127.0.0.1", "files.test");
    let fetcher = at_home(&[&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]]);
    fetch(&fetcher, &url, STRICT).await.unwrap();
    let error = fetch(&fetcher, &url, STRICT).await.unwrap_err();
    assert!(matches!(error, FetchError::Forbidden), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_unchecked_connection_is_not_used_with_the_check() {
    let server = redirecting(302, "/file").await;
    let url = format!("{}/file", server.uri()).replace("127.0.0.1", "files.test");
    let fetcher = at_home(&[&["127.0.0.1"], &["127.0.0.2"]]);
    fetch(&fetcher, &url, OPEN).await.unwrap();
    let error = fetch(&fetcher, &url, STRICT).await.unwrap_err();
    assert!(matches!(error, FetchError::Forbidden), "{error}");
}
