//! What an adapter is: all that is particular to one vendor's protocol, without doing anything.

use domain::{
    catalog::Category,
    port::{Answer, Call, ProviderError, ProviderErrorKind},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

/// One vendor's protocol. It has no clock and no sockets, and keeps nothing between calls.
pub trait Adapter: Send + Sync + 'static {
    /// The vendor's name in the catalog and in configuration.
    fn vendor(&self) -> &'static str;

    /// Where the vendor is reached unless configuration says otherwise; no slash at the end.
    fn default_base_url(&self) -> &'static str;

    /// How the vendor wants to be shown our key.
    fn key_carrier(&self) -> KeyCarrier;

    /// Whether this adapter speaks the vendor's protocol for what `category` makes.
    fn serves(&self, category: Category) -> bool;

    /// The request that puts `call` to the vendor.
    ///
    /// # Errors
    /// `RejectedRequest` when the vendor has no way to say a part of the call, such as an unknown setting.
    fn encode(&self, call: &Call) -> Result<Request, ProviderError>;

    /// Reads an answer of status 2xx that did not come as a stream.
    ///
    /// # Errors
    /// `BadResponse` when it does not follow the protocol, `ContentRefused` and others when the vendor reports trouble
    /// in spite of the status.
    fn decode(&self, call: &Call, response: &Response) -> Result<Answer, ProviderError>;

    /// Reads an answer of any other status. `retry_after_ms` is set only where the body tells it; headers are read by
    /// the client.
    fn decode_error(&self, response: &Response) -> ProviderError;

    /// A decoder for the body of a streamed answer of status 2xx.
    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder>;
}

/// Reads a streamed answer as its bytes come in.
pub trait StreamDecoder: Send {
    /// Takes the next bytes, split anywhere, and passes on the text that they complete.
    ///
    /// # Errors
    /// As [`Adapter::decode`]. The decoder is of no use afterwards, and what was passed on is void.
    fn push(&mut self, chunk: &[u8], on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError>;

    /// Whether the protocol's own end was seen, so that no more need be read. Stays false where only the end of the
    /// body tells.
    fn has_ended(&self) -> bool;

    /// The whole answer.
    ///
    /// # Errors
    /// `StreamCut` unless the protocol's own clean end was seen; `BadResponse` when there was no text.
    fn finish(self: Box<Self>) -> Result<Answer, ProviderError>;
}

/// How a vendor wants to be shown our key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCarrier {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// The bare key in a header of this name, in lower case.
    Header(&'static str),
}

/// A request, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// What follows the base URL: begins with a slash, and may hold a query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    pub fn post_json(path: impl Into<String>, body: &Value) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Self { method: Method::POST, path: path.into(), headers, body: body.to_string().into_bytes() }
    }
}

/// An answer that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Vec<u8>,
}

/// The settings that the catalog sends with every call of this product, in the order of `known`. One that the adapter
/// does not know is an error: dropped in silence, it would sell something else than the catalog says.
pub(crate) fn settings<'a, const N: usize>(
    call: &'a Call,
    known: [&str; N],
) -> Result<[Option<&'a str>; N], ProviderError> {
    let params = &call.upstream.params;
    match params.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(rejected(format!("the adapter {} has no setting `{unknown}`", call.vendor))),
        None => Ok(known.map(|name| params.get(name).map(String::as_str))),
    }
}

/// A call that cannot be put to the vendor.
pub(crate) fn rejected(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::RejectedRequest, message)
}
