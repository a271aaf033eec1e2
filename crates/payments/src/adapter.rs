//! What an adapter is: all that is particular to one payment service's protocol, without doing anything.

use domain::{
    port::{
        GatewayError, GatewayErrorKind, GatewayPayment, GatewayRecord, GatewayRefund, Notification,
        NotificationError, PaymentMethod, PaymentOrder, RefundOrder,
    },
    time::Timestamp,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use secrecy::SecretString;
use serde_json::Value;
use std::time::Duration;

/// One payment service. It has no clock and no sockets, and keeps nothing between calls. What it asks for may be sent
/// again as long as there is no answer: each request either only reads, or is recognised by the service, or does no harm
/// twice.
pub trait Adapter: Send + Sync + 'static {
    /// Which it is.
    fn method(&self) -> PaymentMethod;

    /// Where the service is and how it knows us; `None` while it is not configured.
    fn access(&self) -> Option<Access>;

    /// Asks for a payment.
    ///
    /// # Errors
    /// `Rejected` when the service has no way to say a part of the order.
    fn create(&self, order: &PaymentOrder) -> Result<Exchange<GatewayPayment>, GatewayError>;

    /// Reads a payment back.
    ///
    /// # Errors
    /// `NotFound` for what is no id of the service's.
    fn payment(&self, gateway_id: &str) -> Result<Exchange<GatewayPayment>, GatewayError>;

    /// Gives money back.
    ///
    /// # Errors
    /// As [`Self::create`].
    fn refund(&self, order: &RefundOrder) -> Result<Exchange<GatewayRefund>, GatewayError>;

    /// Reads a refund back.
    ///
    /// # Errors
    /// As [`Self::payment`].
    fn refund_status(
        &self,
        gateway_id: &str,
        payment_gateway_id: &str,
    ) -> Result<Exchange<GatewayRefund>, GatewayError>;

    /// Stops or restarts renewals; `None` where the service renews nothing by itself.
    ///
    /// # Errors
    /// As [`Self::create`].
    fn set_renewal(
        &self,
        payer_id: &str,
        gateway_id: &str,
        renews: bool,
    ) -> Result<Option<Exchange<()>>, GatewayError>;

    /// Reads all that was entered from `from` to just before `to`, a page at a time.
    fn records(&self, from: Timestamp, to: Timestamp) -> Exchange<Vec<GatewayRecord>>;

    /// Pages that a list may have. More is taken for a service that does not find its own end.
    fn max_pages(&self) -> usize;

    /// Answers whether a payment may go on; `None` where the service does not ask.
    fn answer_pre_checkout(&self, query_id: &str, refusal: Option<&str>) -> Option<Exchange<()>>;

    /// For how long the body of an answer asks us to stay away. Headers are read by the client.
    fn asked_wait(&self, response: &Response) -> Option<Duration>;

    /// The header by which the service's messages prove where they come from.
    fn proof_header(&self) -> Option<&'static str>;

    /// Reads a message that came in the service's name.
    ///
    /// # Errors
    /// A [`NotificationError`]; nothing in the message counts then.
    fn read_notification(&self, proof: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError>;
}

/// Where a service is, and how it knows us.
pub struct Access {
    /// What stands before the path of a request; no slash at the end. A secret, as it may hold a token.
    pub base_url: SecretString,
    /// The value of the header `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// What must not get into a message.
    pub secrets: Vec<SecretString>,
}

/// A request, and how its answer is read.
pub struct Exchange<T> {
    /// What to send.
    pub request: Request,
    /// Reads the answer, whatever its status.
    pub read: Read<T>,
}

/// Reads an answer. Its error is `OutcomeUnknown` when the answer does not follow the protocol.
pub type Read<T> = Box<dyn FnOnce(&Response) -> Result<Step<T>, GatewayError> + Send>;

/// What follows an answer.
pub enum Step<T> {
    /// Another request: the list has more pages.
    Send(Box<Exchange<T>>),
    /// That was all.
    Done(T),
}

impl<T> Exchange<T> {
    /// One request whose answer says all.
    pub fn once(
        request: Request,
        read: impl FnOnce(&Response) -> Result<T, GatewayError> + Send + 'static,
    ) -> Self {
        Self::steps(request, |response| read(response).map(Step::Done))
    }

    /// A request whose answer may lead to another.
    pub fn steps(
        request: Request,
        read: impl FnOnce(&Response) -> Result<Step<T>, GatewayError> + Send + 'static,
    ) -> Self {
        Self { request, read: Box::new(read) }
    }
}

/// A request, without our secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method. A GET changes nothing.
    pub method: Method,
    /// What follows the base URL: begins with a slash and needs no escaping.
    pub path: String,
    /// Names and values of its query, not yet escaped.
    pub query: Vec<(&'static str, String)>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; may be empty.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> Self {
        Self { method: Method::GET, path: path.into(), query, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// A POST of JSON.
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = body.to_string().into_bytes();
        Self { method: Method::POST, path: path.into(), query: Vec::new(), headers, body }
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

/// An order that cannot be put to the service.
pub(crate) fn rejected(message: impl Into<String>) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Rejected, message)
}

/// An answer that does not follow the protocol: what it stands for may have happened.
pub(crate) fn broken(message: impl Into<String>) -> GatewayError {
    GatewayError::new(GatewayErrorKind::OutcomeUnknown, message)
}

/// What `text` begins with, at most so many characters.
pub(crate) fn shortened(text: &str, max_chars: usize) -> &str {
    text.char_indices().nth(max_chars).map_or(text, |(end, _)| &text[..end])
}
