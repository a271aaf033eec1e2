//! Signing in on the web, and what an account can do with itself.

mod addresses;
mod attempts;
mod erasure;
mod profile;
mod register;
mod sessions;
mod suspended;
mod telegram;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, send};

const PASSWORD: &str = "correct horse";

/// Somebody who has signed in.
struct Person {
    /// With the access token for a key.
    account: Account,
    /// The refresh token.
    cookie: String,
}

impl Person {
    fn access(&self) -> &str {
        &self.account.key
    }
}

/// What was answered to somebody who signed in.
fn signed_in(reply: &Reply) -> Person {
    let body = reply.json();
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let id = domain::id::AccountId(body["user"]["id"].as_i64().expect("an id"));
    let key = text(&body["access_token"]);
    Person { account: Account { id, key_id: domain::id::KeyId(0), key }, cookie: cookie_of(reply) }
}

/// The refresh token that a reply sets.
fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").expect("a cookie");
    let value = cookie.strip_prefix("neuralbox_refresh=").and_then(|rest| rest.split(';').next());
    value.expect("the refresh token").to_owned()
}

async fn register(service: &Service, email: &str) -> Person {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ann" });
    let reply = service.post("/auth/register", "", &body).await;
    reply.expect(201);
    signed_in(&reply)
}

async fn log_in(service: &Service, email: &str, password: &str) -> Reply {
    service.post("/auth/login", "", &json!({ "email": email, "password": password })).await
}

fn with_cookie(service: &Service, path: &str, cookie: &str) -> RequestBuilder {
    let request = service.request(Method::POST, &format!("/api/v2/auth/{path}"), "");
    request.header("cookie", format!("theme=dark; neuralbox_refresh={cookie}; lang=en"))
}

async fn refresh(service: &Service, cookie: &str) -> Reply {
    send(with_cookie(service, "refresh", cookie)).await
}

/// How a path answers the holder of an access token.
async fn me(service: &Service, access: &str) -> Reply {
    service.get("/user/me", access).await
}
