//! What is counted, and shown to whoever watches the service.

use reqwest::Method;
use testkit::{Service, TestDatabase, send};

testkit::on_each_database!(
    what_happens_is_counted,
    times_of_many_requests_are_all_counted,
    what_waits_for_a_person_is_not_late,
);

/// What a number stands at; 0 where nothing has been counted. Services of one process count together.
async fn number(service: &Service, name: &str) -> f64 {
    let reply = send(service.request(Method::GET, "/metrics", "")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; version=0.0.4")));
    let line = reply.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn what_happens_is_counted(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let growing = [
        (r#"neuralbox_tokens_charged_total{model="claude-opus-4.5"}"#, 1.0),
        (r#"neuralbox_generations_total{model="claude-opus-4.5",outcome="completed"}"#, 1.0),
        (r#"neuralbox_generations_total{model="claude-opus-4.5",outcome="provider_error"}"#, 1.0),
        (r#"neuralbox_vendor_errors_total{vendor="anthropic",kind="bad_response"}"#, 1.0),
        (r#"neuralbox_http_requests_total{method="POST",route="/api/v2/generate",status="200"}"#, 1.0),
        (r#"neuralbox_http_request_duration_seconds_count{route="/api/v2/generate"}"#, 2.0),
        (r#"neuralbox_http_requests_total{method="GET",route="none",status="404"}"#, 1.0),
    ];
    let mut before = Vec::new();
    for (name, _) in growing {
        before.push(number(&service, name).await);
    }
    service.generate(&account.key, "claude-opus-4.5", "Hello.").await.expect(200);
    service.generate(&account.key, "claude-opus-4.5", "[[fault:malformed]]").await.expect(500);
    send(service.request(Method::GET, "/no/such/path", "")).await.expect(404);
    for ((name, by), before) in growing.into_iter().zip(before) {
        let now = number(&service, name).await;
        assert!(now >= before + by, "{name}: {before} became {now}");
    }
    assert_eq!(number(&service, "neuralbox_holds_open").await, 0.0);
    assert!(number(&service, r#"neuralbox_database_connections{pool="reader"}"#).await >= 1.0);
    let hold = service.spender().await.hold(&account, 5).await.unwrap();
    assert_eq!(number(&service, "neuralbox_holds_open").await, 1.0);
    service.spender().await.end(account.id, hold, true).await;
}

/// More than are kept before they are sorted.
async fn times_of_many_requests_are_all_counted(database: TestDatabase) {
    const MANY: u16 = 1_100;
    let service = Service::start(&database).await;
    let count = r#"neuralbox_http_request_duration_seconds_count{route="none"}"#;
    let before = number(&service, count).await;
    for _ in 0..MANY {
        send(service.request(Method::GET, "/no/such/path", "")).await.expect(404);
    }
    let now = number(&service, count).await;
    assert!(now >= before + f64::from(MANY), "{before} became {now}");
}

async fn what_waits_for_a_person_is_not_late(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.order_package(&account, "light", "yookassa").await.expect(201);
    let lag_s = || number(&service, r#"neuralbox_worker_lag_seconds{work="payments"}"#);
    database.execute("UPDATE payments SET due_at_ms = 1").await.unwrap();
    assert!(lag_s().await > 0.0);
    database.execute("UPDATE payments SET attention = 'somebody has to look'").await.unwrap();
    assert_eq!(lag_s().await, 0.0);
}
