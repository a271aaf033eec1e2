//! A worker that runs alone, as whoever watches it sees it.

use crate::installation::Installation;
use std::net::TcpListener;
use testkit::TestDatabase;

testkit::on_each_database!(a_worker_tells_how_it_does);

async fn a_worker_tells_how_it_does(database: TestDatabase) {
    let installation = Installation::new(database).with("NEURALBOX__WORKER__BIND", "127.0.0.1:0");
    let (_, key) = installation.account("anna@example.org", 0);
    let worker = installation.work();
    let request = |path: &str| worker.http.get(format!("{}{path}", worker.url)).bearer_auth(&key);
    let get = async |path: &str| testkit::send(request(path)).await;
    assert_eq!(get("/healthz").await.expect(200)["status"], "ok");
    assert_eq!(get("/readyz").await.expect(200)["status"], "ready");
    let metrics = get("/metrics").await;
    assert_eq!((metrics.status, metrics.header("content-type")), (200, Some("text/plain; version=0.0.4")));
    for line in [
        r#"neuralbox_http_requests_total{method="GET",route="/readyz",status="200"} 1"#,
        r#"neuralbox_worker_lag_seconds{work="jobs"} 0"#,
        "neuralbox_holds_open 0",
    ] {
        assert!(metrics.body.lines().any(|said| said == line), "{line}: {}", metrics.body);
    }
    // It serves nobody else.
    for path in ["/", "/docs", "/openapi.json", "/api/v2/models", "/api/v2/balance", "/v1/models"] {
        assert_eq!(request(path).send().await.unwrap().status().as_u16(), 404, "{path}");
    }
    worker.kill();

    let worker = installation.work();
    worker.terminate();
    let (code, said) = worker.ended().await;
    assert_eq!(code, Some(0), "{said}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let installation = installation.with("NEURALBOX__WORKER__BIND", &taken.local_addr().unwrap().to_string());
    installation.run(&["worker"]).failed("setting worker.bind: cannot listen on");
    // A worker that only looks once tells nobody.
    installation.run(&["worker", "--once"]).succeeded();
}
