//! The pages on which people confirm payments, as far as a test or a demo needs them.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};

/// What a page says.
pub(crate) struct Page<'a> {
    /// Its own path, to which the buttons add a word.
    pub(crate) path: &'a str,
    /// What is to be paid.
    pub(crate) price: String,
    /// What for.
    pub(crate) title: &'a str,
    /// How it stands, when it has been decided.
    pub(crate) outcome: Option<&'a str>,
}

impl Page<'_> {
    /// It as HTML: two buttons, or how it stands.
    pub(crate) fn html(&self) -> Response {
        let (price, title) = (escaped(&self.price), escaped(self.title));
        let button = |word: &str, label: &str| {
            let path = escaped(self.path);
            format!("<form method=\"post\" action=\"{path}/{word}\"><button>{label}</button></form>\n")
        };
        let rest = match self.outcome {
            Some(outcome) => format!("<p>This payment has ended: {}.</p>\n", escaped(outcome)),
            None => button("succeed", "Pay") + &button("cancel", "Cancel"),
        };
        Html(format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sandbox payment</title></head>\n\
             <body><h1>{price}</h1>\n<p>{title}</p>\n<p>No money moves here.</p>\n{rest}</body></html>\n"
        ))
        .into_response()
    }
}

/// Answers a button: a browser is led on, a program is told what happened.
pub(crate) fn pressed(headers: &HeaderMap, outcome: Value, next: String) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        return Json(outcome).into_response();
    }
    // A header takes no letter beyond ASCII, and a URL needs none.
    let next = reqwest::Url::parse(&next).map_or(next, String::from);
    Redirect::to(&next).into_response()
}

/// There is no such page.
pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"error": "there is no such payment"}))).into_response()
}

/// What a program may say with a button is JSON or nothing; a browser sends an empty form.
pub(crate) fn said(headers: &HeaderMap, body: &[u8]) -> Result<Value, Box<Response>> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.is_empty() || content_type.starts_with("application/x-www-form-urlencoded") {
        return Ok(json!({}));
    }
    let refusal = || (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": "a JSON object is expected"})));
    let value = serde_json::from_slice(body).ok().filter(Value::is_object);
    value.ok_or_else(|| Box::new(refusal().into_response()))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
