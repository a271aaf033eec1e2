//! One exchange with a vendor.

use super::{ClientSettings, Key, OnDelta, Shown, Vendor, retry};
use crate::{
    adapter::{self, ChatAdapter, rejected},
    repeat::Trouble,
    wire::{error::bad_response, options::text_input},
};
use bytes::Bytes;
use domain::port::{Answer, Call, ProviderError, ProviderErrorKind};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use std::{error::Error, fmt::Display, time::Duration};

/// Bytes that are read of an error's body: more than any vendor has to say.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How long a stream that has said its last word may take to close, so that its connection can be used again.
const CLOSING_TIME: Duration = Duration::from_millis(20);

/// Why there is no answer, and what that says about the request.
pub(super) struct Failure {
    pub(super) error: ProviderError,
    pub(super) trouble: Trouble,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        let trouble = retry::trouble_of(error.kind);
        Self { error, trouble }
    }
}

/// A call made ready; it can be run again as long as there was no answer.
pub(super) struct Attempt<'a> {
    pub(super) vendor: &'a Vendor,
    chat: &'a dyn ChatAdapter,
    http: &'a reqwest::Client,
    settings: &'a ClientSettings,
    call: &'a Call,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    shown: Option<Shown>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        http: &'a reqwest::Client,
        settings: &'a ClientSettings,
        vendor: &'a Vendor,
        key: &Key,
        call: &'a Call,
    ) -> Result<Self, ProviderError> {
        let chat = vendor.adapter.chat().ok_or_else(|| rejected("the vendor has no text models"))?;
        let request = chat.encode(call)?;
        let shown = vendor.shown(&request);
        let adapter::Request { method, path, mut headers, body } = request;
        let adapter::Body::Bytes(body) = body else {
            return Err(rejected("a conversation holds no files"));
        };
        headers.extend(key.headers.iter().cloned());
        let url = format!("{}{path}", vendor.base_url);
        Ok(Self { vendor, chat, http, settings, call, method, url, headers, body: body.into(), shown })
    }

    pub(super) async fn run(&self, on_delta: OnDelta<'_>) -> Result<Answer, Failure> {
        let request = self.http.request(self.method.clone(), &self.url);
        let request = request.headers(self.headers.clone()).body(self.body.clone());
        let sending = self.vendor.send(request, self.shown.as_ref());
        let response = self.patiently(sending).await?.map_err(unsent)?;
        if !response.status().is_success() {
            return Err(refusal(self.vendor, self.settings, response).await);
        }
        // A vendor that does not stream after all answers in JSON; most often it is an error.
        if self.call.stream && !is_json(response.headers()) {
            let answer = self.stream(response, on_delta).await?;
            return Ok(check_calls(self.call, answer)?);
        }
        let status = response.status();
        let body = read_body(response, self.settings.max_response_bytes).await?;
        let answer = self.chat.decode(self.call, &adapter::Response { status, body })?;
        let answer = check_calls(self.call, answer)?;
        if self.call.stream {
            on_delta(&answer.text);
        }
        Ok(answer)
    }

    async fn stream(
        &self,
        mut response: reqwest::Response,
        on_delta: OnDelta<'_>,
    ) -> Result<Answer, ProviderError> {
        let mut decoder = self.chat.stream_decoder(self.call);
        let mut left = self.settings.max_response_bytes;
        while !decoder.has_ended() {
            let Some(chunk) = self.patiently(response.chunk()).await?.map_err(|error| cut(&error))? else {
                break;
            };
            left = left.checked_sub(chunk.len()).ok_or_else(|| too_long(self.settings.max_response_bytes))?;
            decoder.push(&chunk, &mut |delta| on_delta(delta))?;
        }
        if decoder.has_ended() {
            // Whatever comes of it, the answer is there.
            let _ = tokio::time::timeout(CLOSING_TIME, response.chunk()).await;
        }
        decoder.finish()
    }

    /// Waits for a stream's next sign of life; a plain answer is bound by the time for the whole call alone.
    async fn patiently<T>(&self, next: impl Future<Output = T>) -> Result<T, ProviderError> {
        if !self.call.stream {
            return Ok(next.await);
        }
        let silence_ms = self.settings.idle_timeout_ms;
        tokio::time::timeout(Duration::from_millis(silence_ms), next).await.map_err(|_| {
            ProviderError::new(
                ProviderErrorKind::Timeout,
                format!("the stream was silent for {silence_ms} ms"),
            )
        })
    }
}

/// Nobody could do anything with a call of a function that was not offered.
fn check_calls(call: &Call, answer: Answer) -> Result<Answer, ProviderError> {
    if answer.tool_calls.is_empty() || !text_input(call).options.tools.is_empty() {
        return Ok(answer);
    }
    Err(bad_response("the answer calls functions that it was not offered"))
}

/// An answer of a status other than 2xx. Its body helps to tell what is wrong, but the status will do.
pub(super) async fn refusal(
    vendor: &Vendor,
    settings: &ClientSettings,
    mut response: reqwest::Response,
) -> Failure {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    let silence = Duration::from_millis(settings.idle_timeout_ms);
    while body.len() < MAX_ERROR_BYTES
        && let Ok(Ok(Some(chunk))) = tokio::time::timeout(silence, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    let response = adapter::Response { status, body };
    let mut error = vendor.adapter.decode_error(&response);
    error.retry_after_ms = error.retry_after_ms.or_else(|| retry::retry_after_ms(&headers));
    // Nobody charges for what he turns down as wrong. One who says that it took too long may have begun.
    error.is_free |= status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
    let trouble = retry::trouble_of_refusal(&error, status, &headers, &response.body);
    Failure { error, trouble }
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().starts_with("application/json")
}

pub(super) async fn read_body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| cut(&error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(too_long(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without a connection the vendor knows nothing of the request. Once there is one, it may have begun to work.
pub(super) fn unsent(error: reqwest::Error) -> Failure {
    let message = describe(&error);
    match (error.is_connect(), error.is_builder()) {
        (true, _) => {
            let is_timeout = error.is_timeout();
            let kind = if is_timeout { ProviderErrorKind::Timeout } else { ProviderErrorKind::Overloaded };
            Failure { error: ProviderError::new(kind, message), trouble: Trouble::Unsent }
        }
        (false, true) => ProviderError::new(ProviderErrorKind::RejectedRequest, message).into(),
        (false, false) => cut(&error).into(),
    }
}

pub(super) fn cut(error: &reqwest::Error) -> ProviderError {
    ProviderError::new(ProviderErrorKind::StreamCut, describe(error))
}

pub(super) fn too_long(max_bytes: impl Display) -> ProviderError {
    ProviderError::new(ProviderErrorKind::BadResponse, format!("the answer has more than {max_bytes} bytes"))
}

/// The error and what lies behind it, in one line.
fn describe(error: &reqwest::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line
}
