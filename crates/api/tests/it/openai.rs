//! The face in OpenAI's shape.

mod audio;
mod chat;
mod errors;
mod failing;
mod idempotency;
mod images;
mod models;
mod options;
mod tools;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Service, send};

/// `POST` of a JSON body to a whole path.
pub(crate) async fn post(service: &Service, path: &str, key: &str, body: &Value) -> Reply {
    let request = service.request(Method::POST, path, key).header("content-type", "application/json");
    send(request.body(body.to_string())).await
}

/// `POST /v1/chat/completions`.
async fn complete(service: &Service, key: &str, body: &Value) -> Reply {
    post(service, "/v1/chat/completions", key, body).await
}

/// A short conversation with `model`.
pub(crate) fn question(model: &str) -> Value {
    asking(model, "Why is the sea salt?")
}

/// A conversation in which the user says `words`.
fn asking(model: &str, words: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": words }] })
}

/// `body` with the fields of `more`.
fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Asserts that a reply is an error in OpenAI's shape, and gives what is in it.
pub(crate) fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let body = reply.expect(status);
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"], "{reply:?}");
    let error = body["error"].clone();
    check_error(&error, code);
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    assert!(reply.header("x-request-id").is_some(), "{reply:?}");
    error
}

/// Asserts that this is an error's inside, with that code.
fn check_error(error: &Value, code: &str) {
    let mut names: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "message", "param", "type"], "{error}");
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    assert!(error["type"].is_string(), "{error}");
}

/// Asserts that a request is refused for this field.
fn wrong_field(reply: &Reply, field: &str) {
    let error = refused(reply, 400, "validation_error");
    assert_eq!(error["param"], field, "{reply:?}");
    assert!(error["message"].as_str().unwrap().contains(field), "{reply:?}");
    assert_eq!(reply.header("x-should-retry"), Some("false"));
}

/// The generation behind an answer, by the header that names it.
async fn recorded(service: &Service, key: &str, reply: &Reply) -> Value {
    let id = reply.header("x-neuralbox-generation-id").unwrap_or_else(|| panic!("no id: {reply:?}"));
    service.get(&format!("/generate/{id}"), key).await.expect(200)
}
