//! The table of routes, walked row by row. A new row is walked too, and fails until the walk knows what its path means.

mod holds;
mod odd;
mod owners;

use api::Route;
use serde_json::Value;
use testkit::Reply;

/// Asserts that an answer is no failure of ours; and where it is a refusal, one in the shape of the route's face.
fn is_no_failure(route: &Route, what: &str, reply: &Reply) {
    assert!(reply.status < 500, "{} {}, {what}: {reply:?}", route.method, route.path);
    if reply.status >= 400 {
        is_shaped(route, what, reply);
    }
}

/// Asserts that an answer says that the client is wrong.
fn is_refusal(route: &Route, what: &str, reply: &Reply) {
    assert!((400..500).contains(&reply.status), "{} {}, {what}: {reply:?}", route.method, route.path);
    is_shaped(route, what, reply);
}

fn is_shaped(route: &Route, what: &str, reply: &Reply) {
    let body: Value = reply.json();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> =
            value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    };
    let (found, expected): (_, &[&str]) = if route.path.starts_with("/v1/") {
        (names(&body["error"]), &["code", "message", "param", "type"])
    } else {
        (names(&body), &["details", "error", "message"])
    };
    assert_eq!(found, expected, "{} {}, {what}: {reply:?}", route.method, route.path);
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    assert!(reply.header("x-request-id").is_some(), "{reply:?}");
}
