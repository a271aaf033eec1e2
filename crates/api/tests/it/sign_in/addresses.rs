//! What one address may ask for without a key.

use crate::refused;
use reqwest::Method;
use serde_json::json;
use testkit::{Backend, Reply, Service, Setup, send};

async fn from(service: &Service, method: Method, path: &str, address: &str) -> Reply {
    let request = service.request(method, path, "").header("content-type", "application/json");
    let body = json!({ "email": "ann@example.org", "password": "wrong password" });
    let request = if path.ends_with("/login") { request.body(body.to_string()) } else { request };
    send(if address.is_empty() { request } else { request.header("x-forwarded-for", address) }).await
}

#[tokio::test]
async fn an_address_has_its_share() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let setup = Setup { per_minute: (2, 3), password_attempts: 1_000, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let check = async |method: Method, path: &str, most: usize| {
        for address in ["203.0.113.7", "198.51.100.1, 203.0.113.8", "2001:db8::1"] {
            for _ in 0..most {
                let reply = from(&service, method.clone(), path, address).await;
                assert_ne!(reply.status, 429, "{reply:?}");
            }
            let reply = from(&service, method.clone(), path, address).await;
            refused(&reply, 429, "rate_limit_exceeded");
            let wait_s: usize = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60 / most + 1).contains(&wait_s), "{wait_s}");
        }
        // The same household; and a client cannot say that it is somebody else.
        for address in ["2001:db8::2", "192.0.2.1, 203.0.113.7"] {
            refused(&from(&service, method.clone(), path, address).await, 429, "rate_limit_exceeded");
        }
        assert_ne!(from(&service, method.clone(), path, "2001:db8:0:1::1").await.status, 429);
    };
    check(Method::POST, "/api/v2/auth/login", 2).await;
    check(Method::GET, "/api/v2/models", 3).await;
    refused(&from(&service, Method::GET, "/api/v2/plans", "203.0.113.7").await, 429, "rate_limit_exceeded");
    for _ in 0..10 {
        // A probe, and this machine itself.
        from(&service, Method::GET, "/healthz", "203.0.113.7").await.expect(200);
        from(&service, Method::GET, "/api/v2/plans", "").await.expect(200);
    }
    // Tokens come back one after the other.
    service.clock.advance_ms(20_000);
    from(&service, Method::GET, "/api/v2/plans", "203.0.113.7").await.expect(200);
    refused(&from(&service, Method::GET, "/api/v2/plans", "203.0.113.7").await, 429, "rate_limit_exceeded");
}
