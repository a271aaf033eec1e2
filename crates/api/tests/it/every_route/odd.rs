//! Bodies, types, queries and paths that no well-behaved client sends, to every route: a clear refusal, and nobody is charged.

use super::{is_no_failure, is_refusal};
use crate::route_table::{call, filled};
use api::{HttpLimits, ROUTES, Route};
use domain::catalog::{Catalog, Sources};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::LazyLock;
use testkit::{Account, Backend, Reply, Service, Setup, TestDatabase, send};

const MAX_BODY_BYTES: usize = 1024 * 1024;
const DEEP: usize = 100_000;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| api::document(&Catalog::parse(&Sources::default()).unwrap()));

/// What the document says of the body that a route takes.
fn body_of(route: &Route) -> Option<&'static Value> {
    DOCUMENT["paths"][route.path][route.method.to_ascii_lowercase()].get("requestBody")
}

/// A service with a smaller limit on bodies, and its database, which must outlive it.
async fn service() -> (Service, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let http_limits = HttpLimits { max_body_bytes: MAX_BODY_BYTES, ..HttpLimits::default() };
    let service = Service::start_with(&database, Setup { http_limits, ..Setup::default() }).await;
    (service, database)
}

async fn send_json(service: &Service, route: &Route, path: &str, key: &str, body: Vec<u8>) -> Reply {
    let method: Method = route.method.parse().unwrap();
    send(service.request(method, path, key).header("content-type", "application/json").body(body)).await
}

/// Asserts that an account has all that it began with, and that nobody has worked for it.
async fn is_untouched(service: &Service, route: &Route, account: &Account) {
    assert_eq!(service.calls().await, 0, "{route:?}");
    let wallet = service.wallet(account).await;
    let left = (wallet.plan_available, wallet.permanent_available, wallet.plan_held, wallet.permanent_held);
    assert_eq!(left, (1_500, 0, 0, 0), "{route:?}");
}

fn odd_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let list = |count: usize| vec!["0"; count].join(",");
    let fields = |count: usize| (0..count).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",");
    let nested = |opening: &str, closing: &str| format!("{}1{}", opening.repeat(DEEP), closing.repeat(DEEP));
    let texts = [
        ("nothing", String::new()),
        ("half an object", "{\"model\":".to_owned()),
        ("two objects", "{}{}".to_owned()),
        ("an array", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("a word", "\"model\"".to_owned()),
        ("a number beyond all bounds", "{\"model\":1e400}".to_owned()),
        ("half a surrogate", "{\"model\":\"\\ud800\"}".to_owned()),
        ("U+0000", "{\"model\":\"\\u0000\"}".to_owned()),
        ("U+0000 in a name", "{\"\\u0000\":1}".to_owned()),
        ("an unknown field", "{\"__proto__\":{\"admin\":true}}".to_owned()),
        ("deep arrays", nested("[", "]")),
        ("a deep array in an object", format!("{{\"params\":{}}}", nested("[", "]"))),
        ("deep objects", nested("{\"a\":", "}")),
        ("an array that does not end", "[".repeat(DEEP)),
        ("too many values", format!("{{\"params\":[{}]}}", list(120_000))),
        ("many unknown fields", format!("{{{}}}", fields(40_000))),
        ("many unknown parameters", format!("{{\"model\":\"gpt-5\",\"params\":{{{}}}}}", fields(40_000))),
        ("a huge body", " ".repeat(MAX_BODY_BYTES + 1)),
    ];
    let bytes = [
        ("NUL bytes", vec![0; 1_000]),
        ("no UTF-8", b"{\"model\":\"\xff\xfe\"}".to_vec()),
        ("too long UTF-8", b"{\"model\":\"\xc0\x80\"}".to_vec()),
        ("bytes of UTF-16", b"\xff\xfe{\0}\0".to_vec()),
    ];
    texts.map(|(what, text)| (what, text.into_bytes())).into_iter().chain(bytes).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_body_is_refused() {
    let (service, _database) = service().await;
    for route in ROUTES.iter().filter(|route| route.method != "GET") {
        let account = service.account("vip", 0).await;
        let path = filled(route, "1", "2");
        for (what, body) in odd_bodies() {
            if route.method == "DELETE" && route.path == "/api/v2/user/me" {
                // It looks at no body, and there would be no account for the next.
                continue;
            }
            let reply = send_json(&service, route, &path, &account.key, body).await;
            assert!(reply.bytes.len() < 64 * 1024, "{route:?}, {what}: {} bytes", reply.bytes.len());
            if body_of(route).is_some() {
                is_refusal(route, what, &reply);
            } else {
                is_no_failure(route, what, &reply);
            }
        }
        is_untouched(&service, route, &account).await;
    }
    service.assert_verifies().await;
}

/// What each field is given in place of what it should be.
fn odd_values() -> Vec<Value> {
    let mut deep = json!("a");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        deep,
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!(" \u{202e}\u{feff}\u{10ffff}"),
        json!("x".repeat(300_000)),
        json!("../../etc/passwd"),
        json!("' OR 1=1 --"),
        json!([]),
        json!({}),
        json!([null, [], {}]),
        json!({ "a": { "b": null } }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_another_type_is_refused() {
    let (service, _database) = service().await;
    let mut tried = 0;
    for route in &ROUTES {
        let Some(example) =
            body_of(route).and_then(|body| body["content"]["application/json"].get("example"))
        else {
            continue;
        };
        // With nothing to spend, what is right by chance is refused all the same where it would be charged.
        let account = service.account_with(0).await;
        let path = filled(route, "1", "2");
        for name in example.as_object().unwrap().keys().map(String::as_str).chain(["params", "__proto__"]) {
            for (at, value) in odd_values().into_iter().enumerate() {
                let what = format!("{name} is {:.60}", value.to_string());
                let mut body = example.clone();
                body[name] = value;
                let reply = send_json(&service, route, &path, &account.key, body.to_string().into()).await;
                if at == 0 || route.reaches_vendor {
                    is_refusal(route, &what, &reply);
                } else {
                    is_no_failure(route, &what, &reply);
                }
                tried += 1;
            }
        }
        assert_eq!(service.calls().await, 0, "{route:?}");
    }
    assert!(tried > 500, "{tried}");
    service.assert_verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_query_or_path_is_no_failure() {
    let (service, _database) = service().await;
    let long = "x".repeat(20_000);
    let many: String = (0..5_000).map(|n| format!("a{n}=&")).collect();
    let queries = [
        "%ff",
        "%00",
        "=",
        "&&&",
        "a=1&a=2",
        "page=-1",
        "page=99999999999999999999",
        "limit=1e3",
        "before=%F0%9F%92%A9",
        "before=0",
        "from=2026-13-45",
        "to=%00",
        "format=xml",
        "model=%27%20OR%201=1",
        "wait=NaN",
        &long,
        &many,
    ];
    let names = [
        "0",
        "-1",
        "9223372036854775807",
        "18446744073709551616",
        "1e3",
        "%00",
        "%ff",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "1%20",
        "%F0%9F%92%A9",
        "%27",
        &long,
    ];
    for route in &ROUTES {
        let account = service.account("vip", 0).await;
        let method: Method = route.method.parse().unwrap();
        let ask = async |path: &str| send(service.request(method.clone(), path, &account.key)).await;
        let path = filled(route, "1", "2");
        for query in queries {
            let reply = ask(&format!("{path}?{query}")).await;
            assert!(
                reply.bytes.len() < 64 * 1024 || reply.status == 200,
                "{route:?}: {} bytes",
                reply.bytes.len()
            );
            is_no_failure(route, &format!("{query:.60}"), &reply);
        }
        let (Some(from), Some(to)) = (route.path.find('{'), route.path.rfind('}')) else { continue };
        for name in names {
            let odd = format!("{}{name}{}", &route.path[..from], &route.path[to + 1..]);
            is_no_failure(route, &format!("{odd:.60}"), &ask(&odd).await);
        }
        is_untouched(&service, route, &account).await;
    }
    // All of it has left the service as it was.
    let account = service.account("vip", 0).await;
    let route = ROUTES.iter().find(|route| route.path == "/api/v2/generate").unwrap();
    assert_eq!(call(&service, route, &account.key).await.status, 200);
    service.assert_verifies().await;
}
