//! Spans that go to a collector of OpenTelemetry traces.

use crate::installation::Installation;
use testkit::Backend;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

#[tokio::test]
async fn the_last_request_is_traced_before_the_process_ends() {
    let collector = MockServer::start().await;
    let taken = Mock::given(method("POST")).and(path("/otlp/v1/traces"));
    taken.respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap())
        .with("NEURALBOX__LOG__OTLP_URL", &format!("{}/otlp/", collector.uri()));
    let server = installation.serve(&["--sandbox"]);
    let request = server.http.get(format!("{}/api/v2/models/gpt-5", server.url));
    testkit::send(request.header("x-request-id", "a-request-of-the-tests")).await.expect(200);
    server.terminate();
    let (code, said) = server.ended().await;
    assert_eq!(code, Some(0), "{said}");

    let posts = collector.received_requests().await.unwrap();
    assert!(!posts.is_empty(), "{said}");
    for post in &posts {
        assert_eq!(post.url.path(), "/otlp/v1/traces");
        assert_eq!(post.headers["content-type"], "application/x-protobuf");
    }
    let has = |word: &str| {
        let mut bodies = posts.iter().map(|post| post.body.as_slice());
        bodies.any(|body| body.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    assert!(has("neuralbox") && has("a-request-of-the-tests") && has("/api/v2/models/gpt-5"));
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing() {
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap())
        .with("NEURALBOX__LOG__OTLP_URL", "http://127.0.0.1:9");
    let server = installation.serve(&["--sandbox"]);
    testkit::send(server.http.get(format!("{}/healthz", server.url))).await.expect(200);
    server.terminate();
    let (code, said) = server.ended().await;
    assert_eq!(code, Some(0), "{said}");
}
