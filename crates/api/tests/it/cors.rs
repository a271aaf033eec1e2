//! What browsers are told about pages of other origins.

use reqwest::Method;
use testkit::{Backend, Reply, Service, Setup, TestDatabase, send};

const PAGE: &str = "https://app.example.org";

async fn service(cors_origins: &'static str) -> (Service, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start_with(&database, Setup { cors_origins, ..Setup::default() }).await;
    (service, database)
}

/// What a browser asks before a page of `origin` may send a request.
async fn preflight(service: &Service, path: &str, origin: &str) -> Reply {
    let request = service.request(Method::OPTIONS, path, "").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    send(request.header("access-control-request-headers", "authorization,content-type,idempotency-key")).await
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.header(&format!("access-control-{name}"))
}

/// Whether every one of the words stands in a list.
fn has_all(list: Option<&str>, words: &[&str]) -> bool {
    let list = list.unwrap_or_default().to_ascii_lowercase();
    words.iter().all(|word| list.split(',').any(|item| item.trim() == *word))
}

#[tokio::test]
async fn named_origins_may_ask_and_read() {
    let (service, _database) = service("https://app.example.org, http://localhost:5173").await;
    for path in ["/api/v2/generate", "/api/v2/auth/refresh", "/v1/chat/completions", "/api/v2/nowhere"] {
        for origin in [PAGE, "http://localhost:5173"] {
            let reply = preflight(&service, path, origin).await;
            assert_eq!((reply.status, header(&reply, "allow-origin")), (200, Some(origin)), "{reply:?}");
            assert_eq!(header(&reply, "allow-credentials"), Some("true"), "{reply:?}");
            assert!(
                has_all(header(&reply, "allow-methods"), &["get", "post", "patch", "delete"]),
                "{reply:?}"
            );
            let headers = ["authorization", "content-type", "idempotency-key", "prefer", "x-request-id"];
            assert!(has_all(header(&reply, "allow-headers"), &headers), "{reply:?}");
            assert!(has_all(reply.header("vary"), &["origin"]), "{reply:?}");
        }
    }
    let account = service.account("vip", 0).await;
    let balance = service.request(Method::GET, "/api/v2/balance", &account.key).header("origin", PAGE);
    let reply = send(balance).await;
    reply.expect(200);
    assert_eq!(header(&reply, "allow-origin"), Some(PAGE), "{reply:?}");
    assert_eq!(header(&reply, "allow-credentials"), Some("true"), "{reply:?}");
    let exposed = [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "x-request-id",
        "idempotent-replayed",
        "preference-applied",
        "location",
    ];
    assert!(has_all(header(&reply, "expose-headers"), &exposed), "{reply:?}");
    // Errors can be read too.
    let reply = send(service.request(Method::GET, "/api/v2/balance", "").header("origin", PAGE)).await;
    assert_eq!((reply.status, header(&reply, "allow-origin")), (401, Some(PAGE)), "{reply:?}");
}

#[tokio::test]
async fn others_are_told_nothing() {
    let (service, _database) = service(PAGE).await;
    for origin in
        ["https://evil.example.org", "http://app.example.org", "https://app.example.org.evil.org", "null"]
    {
        let reply = preflight(&service, "/api/v2/generate", origin).await;
        assert_eq!(header(&reply, "allow-origin"), None, "{reply:?}");
        let models = service.request(Method::GET, "/api/v2/models", "").header("origin", origin);
        assert_eq!(header(&send(models).await, "allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn without_origins_there_are_no_such_headers() {
    let (service, _database) = service("").await;
    let reply = preflight(&service, "/api/v2/generate", PAGE).await;
    assert_eq!((reply.status, header(&reply, "allow-origin")), (405, None), "{reply:?}");
    let reply = send(service.request(Method::GET, "/api/v2/models", "").header("origin", PAGE)).await;
    let names: Vec<&str> = reply.headers.keys().map(|name| name.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("access-control-")), "{names:?}");
}
