//! Every kind of exchange in every kind of trouble, and how often a vendor gets to see it. Counted at the socket: these
//! numbers are what could be billed.

use crate::{
    conformance::{KEY, quick},
    media_subject::{self, fixture, on_disk},
    subject::{SOON, Subject},
};
use domain::{
    media::{JobState, MediaCall},
    port::{Call, Provider, ProviderError, ProviderErrorKind},
};
use providers::{Client, ClientSettings, Observed, Observer, Step, VendorSettings};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use testkit::{RawServer, Then, plain};
use tokio::net::TcpSocket;

/// Attempts that a request gets that may be repeated.
const ALL: usize = 3;

/// One of each kind of exchange.
enum Kind {
    /// Asks after a job.
    Harmless,
    /// Goes on with a conversation.
    Conversation,
    /// Starts a job.
    Billable,
}

impl Kind {
    const EACH: [Self; 3] = [Self::Harmless, Self::Conversation, Self::Billable];

    const fn vendor(&self) -> &'static str {
        match self {
            Self::Conversation => "openai",
            Self::Harmless | Self::Billable => "luma",
        }
    }

    async fn run(&self, client: &Client, timeout_ms: i64) -> Result<(), ProviderError> {
        match self {
            Self::Harmless => {
                let (call, state) = job(timeout_ms);
                client.poll(&call, &state).await.map(drop)
            }
            Self::Conversation => {
                let call = Call { timeout_ms, ..Subject::named("openai").call(false) };
                client.call(&call, &mut |_| {}).await.map(drop)
            }
            Self::Billable => {
                let (call, _folder) = on_disk(job(timeout_ms).0);
                client.make(&call).await.map(drop)
            }
        }
    }
}

fn job(timeout_ms: i64) -> (MediaCall, JobState) {
    let call = media_subject::call("photon-1", &json!({ "prompt": "A cat." }));
    let call = MediaCall { timeout_ms, ..call };
    let reply = media_subject::reply("luma/queued.json");
    match crate::jobs::next(&call, &reply).unwrap() {
        Step::Wait(job) => (call, job.state),
        other => panic!("no job runs: {other:?}"),
    }
}

/// How it ended at `url`, and how often it was sent.
async fn run(kind: &Kind, url: &str, timeout_ms: i64) -> (ProviderErrorKind, usize) {
    let vendor =
        VendorSettings { api_key: Some(KEY.into()), base_url: Some(url.to_owned()), ..Default::default() };
    let settings = ClientSettings { max_attempts: ALL, idle_timeout_ms: 200, ..quick() };
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let observer: Observer = Arc::new(move |observed| {
        if matches!(observed, Observed::Sent(_)) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let client = Client::new(settings, [(kind.vendor().to_owned(), vendor)].into()).unwrap();
    let client = client.observed_by(&observer);
    let ended = tokio::time::timeout(SOON, kind.run(&client, timeout_ms)).await.unwrap();
    (ended.unwrap_err().kind, sent.load(Ordering::SeqCst))
}

const MINUTE_MS: i64 = 60_000;

/// The three kinds get to see so many requests of a server that answers with `bytes`, in the order of [`Kind::EACH`].
async fn check(bytes: Vec<u8>, then: Then, expected: [usize; 3]) {
    for (kind, expected) in Kind::EACH.iter().zip(expected) {
        let server = RawServer::start(bytes.clone(), then).await;
        let (ended, sent) = run(kind, &server.url, MINUTE_MS).await;
        let said = String::from_utf8_lossy(&bytes);
        assert_eq!((sent, server.requests()), (expected, expected), "{} {ended:?}: {said}", kind.vendor());
    }
}

fn status(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn what_the_vendor_turned_away_is_asked_again() {
    for code in [429, 503, 529] {
        check(status(code, "", ""), Then::Close, [ALL, ALL, ALL]).await;
        check(status(code, "", r#"{"error":{"message":"busy"}}"#), Then::Close, [ALL, ALL, ALL]).await;
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_asked() {
    for kind in &Kind::EACH {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = format!("http://{}", socket.local_addr().unwrap());
        assert_eq!(run(kind, &nobody, MINUTE_MS).await, (ProviderErrorKind::Overloaded, ALL));
    }
}

#[tokio::test]
async fn an_error_of_the_vendors_own_ends_a_conversation_and_says_nothing_of_a_job() {
    for body in [r#"{"error":{"message":"sorry"}}"#, r#"{"code":"Internal","error":"sorry"}"#] {
        check(status(500, "", body), Then::Close, [ALL, ALL, 1]).await;
    }
    for body in ["", "<html>nginx</html>", "{}", r#"{"message":"sorry"}"#, r#"{"error":"sorry"}"#] {
        check(status(500, "", body), Then::Close, [ALL, 1, 1]).await;
    }
}

#[tokio::test]
async fn what_nobody_knows_the_end_of_is_asked_again_only_where_that_is_free() {
    for code in [408, 502, 504, 520, 524] {
        check(status(code, "", ""), Then::Close, [ALL, 1, 1]).await;
        check(status(code, "", r#"{"error":{"message":"sorry"}}"#), Then::Close, [ALL, 1, 1]).await;
    }
    let answer = fixture("luma/queued.json");
    check(Vec::new(), Then::Close, [ALL, 1, 1]).await;
    check(b"HTTP/1.1 200 OK\r\ncontent".to_vec(), Then::Close, [ALL, 1, 1]).await;
    check(plain(&answer, answer.len() / 2), Then::Close, [ALL, 1, 1]).await;
}

#[tokio::test]
async fn what_would_be_the_same_again_is_not_asked_again() {
    for code in [307, 400, 401, 402, 403, 404, 409, 413, 422] {
        check(status(code, "", r#"{"error":{"message":"no"}}"#), Then::Close, [1, 1, 1]).await;
    }
    check(status(200, "", "<html>"), Then::Close, [1, 1, 1]).await;
    check(status(503, "x-should-retry: false\r\n", ""), Then::Close, [1, 1, 1]).await;
}

/// The time is for all attempts together, so one that hangs leaves none for another.
#[tokio::test]
async fn what_hangs_is_asked_once() {
    for kind in [Kind::Conversation, Kind::Billable] {
        let server = RawServer::start(Vec::new(), Then::Hang).await;
        assert_eq!(run(&kind, &server.url, 400).await, (ProviderErrorKind::Timeout, 1));
        assert_eq!(server.requests(), 1);
    }
}
