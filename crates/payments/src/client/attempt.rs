//! One attempt at one request.

use super::retry;
use crate::adapter::{Access, Request, Response, broken, rejected};
use domain::port::{GatewayError, GatewayErrorKind};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use reqwest::{RequestBuilder, Url};
use secrecy::ExposeSecret;
use std::{error::Error, time::Duration};

/// Bytes that an answer may have: more than a page of any list.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What came of it.
pub(super) struct Attempt {
    /// The answer, whatever its status, or why there is none.
    pub(super) answer: Result<Response, GatewayError>,
    /// Whether another attempt may end better.
    pub(super) may_repeat: bool,
    /// Whether it may have had its effect although it failed.
    pub(super) may_have_happened: bool,
    /// For how long the service asks us to stay away.
    pub(super) asked_wait: Option<Duration>,
}

/// Sends `request` and reads the answer, within `time`. `asked_wait` finds in a body how long to stay away.
pub(super) async fn send(
    http: &reqwest::Client,
    access: &Access,
    request: &Request,
    time: Duration,
    asked_wait: impl Fn(&Response) -> Option<Duration>,
) -> Attempt {
    let builder = match prepare(http, access, request) {
        Ok(builder) => builder.timeout(time),
        Err(error) => return Attempt::failed(error, false),
    };
    let response = match builder.send().await {
        Ok(response) => response,
        Err(error) => return Attempt::failed(unanswered(error), true),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    match read_body(response).await {
        Ok(body) => Attempt::answered(Response { status, body }, &headers, asked_wait),
        // Without its body, a refusal for load is one all the same.
        Err(_) if status == StatusCode::TOO_MANY_REQUESTS => {
            Attempt::answered(Response { status, body: Vec::new() }, &headers, asked_wait)
        }
        Err(error) => Attempt::failed(error, true),
    }
}

impl Attempt {
    fn answered(
        response: Response,
        headers: &HeaderMap,
        asked_wait: impl Fn(&Response) -> Option<Duration>,
    ) -> Self {
        let status = response.status;
        let is_load = status == StatusCode::TOO_MANY_REQUESTS;
        // 202 says that an earlier attempt is still being worked on.
        let is_unknown = status.is_server_error()
            || status == StatusCode::REQUEST_TIMEOUT
            || status == StatusCode::ACCEPTED;
        let asked_wait = retry::retry_after(headers).or_else(|| asked_wait(&response));
        Self {
            answer: Ok(response),
            may_repeat: is_load || is_unknown,
            may_have_happened: is_unknown,
            asked_wait,
        }
    }

    fn failed(error: GatewayError, may_repeat: bool) -> Self {
        let may_have_happened = error.kind == GatewayErrorKind::OutcomeUnknown;
        Self { answer: Err(error), may_repeat, may_have_happened, asked_wait: None }
    }
}

fn prepare(
    http: &reqwest::Client,
    access: &Access,
    request: &Request,
) -> Result<RequestBuilder, GatewayError> {
    let url = format!("{}{}", access.base_url.expose_secret(), request.path);
    // What was no URL is not repeated: it holds secrets.
    let mut url = Url::parse(&url).map_err(|_| rejected("the base URL makes no URL"))?;
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    let mut headers = request.headers.clone();
    headers.extend(access.authorization.clone().map(|value| (AUTHORIZATION, value)));
    let builder = http.request(request.method.clone(), url).headers(headers);
    Ok(if request.body.is_empty() { builder } else { builder.body(request.body.clone()) })
}

async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(broken(format!("the answer has more than {MAX_ANSWER_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without a connection the service knows nothing of the request. Once there is one, it may have done what it was asked.
fn unanswered(error: reqwest::Error) -> GatewayError {
    let kind = if error.is_connect() { GatewayErrorKind::NotTaken } else { GatewayErrorKind::OutcomeUnknown };
    GatewayError::new(kind, describe(error))
}

/// The error and what lies behind it, in one line, without the URL, which may hold a token.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line
}
