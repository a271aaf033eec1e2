//! What an adapter is: all that is particular to one vendor's protocol, without doing anything.

pub use crate::repeat::Repeat;

use domain::{
    catalog::{Category, Upstream},
    media::{InputFile, Job, JobState, MediaCall, Product},
    params::FieldError,
    port::{Answer, Call, ProviderError, ProviderErrorKind},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// One vendor. It has no clock and no sockets, and keeps nothing between calls.
pub trait Adapter: Send + Sync + 'static {
    /// The vendor's name in the catalog and in configuration.
    fn vendor(&self) -> &'static str;

    /// Where the vendor is reached unless configuration says otherwise; no slash at the end. Empty where only the operator
    /// can know.
    fn default_base_url(&self) -> &'static str;

    /// How the vendor wants to be shown our key.
    fn key_carrier(&self) -> KeyCarrier;

    /// Reads an answer of a status other than 2xx. `retry_after_ms` is set only where the body tells it; headers are read by
    /// the client.
    fn decode_error(&self, response: &Response) -> ProviderError;

    /// The vendor's protocol for conversations, where this adapter speaks it.
    fn chat(&self) -> Option<&dyn ChatAdapter> {
        None
    }

    /// The vendor's protocol for everything else, where this adapter speaks it.
    fn media(&self) -> Option<&dyn MediaAdapter> {
        None
    }

    /// Whether this adapter speaks the vendor's protocol for what `category` makes.
    fn serves(&self, category: Category) -> bool {
        match category {
            Category::Text => self.chat().is_some(),
            other => self.media().is_some_and(|media| media.makes(other)),
        }
    }
}

/// One vendor's protocol for conversations.
pub trait ChatAdapter: Send + Sync + 'static {
    /// What `call` asks for that the vendor cannot do, or would refuse: the client's to mend, and nothing is held or charged
    /// for it. Fields are named as the face in OpenAI's shape has them, which alone can ask for such things.
    fn check(&self, call: &Call) -> Vec<FieldError>;

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

    /// A decoder for the body of a streamed answer of status 2xx.
    fn stream_decoder(&self, call: &Call) -> Box<dyn StreamDecoder>;
}

/// One vendor's protocol for everything but conversations: a machine that says what to send next. It has no clock and no
/// sockets, and what it must remember is in [`JobState`], so a job survives a restart.
pub trait MediaAdapter: Send + Sync + 'static {
    /// Whether this adapter makes what `category` says.
    fn makes(&self, category: Category) -> bool;

    /// The form in which `call`'s model wants the file that parameter `name` gives.
    fn input_form(&self, call: &MediaCall, name: &str) -> InputForm;

    /// Whether the vendor tells how its jobs stand, at [`MediaCall::callback_url`], and how its word is known.
    fn callbacks(&self) -> Callbacks {
        Callbacks::None
    }

    /// Values of `call` that the vendor would refuse though the catalog takes them: a rule of its own that a row cannot say,
    /// or one on a file's kind. They are the client's to mend, and nothing is held or charged for them.
    fn check(&self, _: &MediaCall) -> Vec<FieldError> {
        Vec::new()
    }

    /// Whether the vendor charges for work at `call` that it ended without a result: one that failed, or that it stopped at
    /// our word. It may, unless it says otherwise.
    fn charges_unfinished(&self, _: &MediaCall) -> bool {
        true
    }

    /// The first step of `call`: what to send.
    ///
    /// # Errors
    /// `RejectedRequest` when the vendor has no way to say a part of the call.
    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError>;

    /// The step that follows an answer of status 2xx to what `state` was sent with.
    ///
    /// # Errors
    /// `BadResponse` when the answer does not follow the protocol; `JobFailed` and `ContentRefused` when the vendor says so;
    /// others where the vendor reports trouble in spite of the status.
    fn next(&self, call: &MediaCall, state: &JobState, reply: &Reply) -> Result<Step, ProviderError>;

    /// Asks after the job that `state` names. Only called with the state of a [`Step::Wait`].
    ///
    /// # Errors
    /// `BadResponse` for a state that is not the adapter's.
    fn poll(&self, call: &MediaCall, state: &JobState) -> Result<Exchange, ProviderError>;

    /// Asks the vendor to stop that job; `None` when it has no way to.
    ///
    /// # Errors
    /// As [`Self::poll`].
    fn cancel(&self, call: &MediaCall, state: &JobState) -> Result<Option<Request>, ProviderError>;
}

/// How a vendor tells how its jobs stand, where it does so unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callbacks {
    /// It does not.
    None,
    /// Without a signature: it is known by the address, which nobody can guess.
    Unsigned,
    /// Signed by Standard Webhooks with a secret of the account's: <https://www.standardwebhooks.com>.
    StandardWebhooks,
}

/// In which form a vendor wants a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// By an address that the vendor fetches. Not to be had while this service has no public address.
    Url,
    /// In the request itself, as bytes, base64 or a data URL, or sent ahead as an upload: the adapter reads the file.
    Bytes,
}

/// Something to send, and what to remember until the answer comes.
#[derive(Debug)]
pub struct Exchange {
    /// What to send.
    pub request: Request,
    /// What to remember.
    pub state: JobState,
    /// Whether a repeat could be billed twice.
    pub repeat: Repeat,
    /// Whether an answer that is not JSON is the product itself, to be written to a file.
    pub answer: AnswerForm,
}

/// What an answer of status 2xx is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Read whole, in memory.
    Memory,
    /// Written to a file, unless it says that it is JSON.
    File,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this.
    Send(Exchange),
    /// A job runs: come back later.
    Wait(Job),
    /// Done.
    Done(Product),
}

/// An answer of status 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the vendor says the body is; empty when it does not.
    pub content_type: String,
    /// The body.
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// Read.
    Bytes(Vec<u8>),
    /// In a file of the call's scratch folder.
    Path(PathBuf),
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
    /// Both, for a protocol whose servers ask for the one or the other.
    BearerAndHeader(&'static str),
}

impl KeyCarrier {
    /// The headers that carry `key`.
    pub(crate) fn headers(self, key: &str) -> Vec<(HeaderName, String)> {
        let bearer = || (AUTHORIZATION, format!("Bearer {key}"));
        let bare = |name| (HeaderName::from_static(name), key.to_owned());
        match self {
            Self::Bearer => vec![bearer()],
            Self::Header(name) => vec![bare(name)],
            Self::BearerAndHeader(name) => vec![bearer(), bare(name)],
        }
    }
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
    pub body: Body,
}

/// The body of a request. Files are read when it is sent, and again when it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// As it is; may be empty.
    Bytes(Vec<u8>),
    /// `multipart/form-data`, in this order.
    Multipart(Vec<Field>),
    /// JSON in which [`file_as_data_url`] and [`file_as_base64`] stand for files.
    JsonWithFiles {
        /// The value.
        value: Value,
        /// The files, by the names that stand for them.
        files: BTreeMap<String, InputFile>,
    },
}

/// The name of the member that makes an object of a JSON body stand for a file. No text of a client's can become an object.
pub(crate) const DATA_URL_MARK: &str = "$file_as_data_url";
/// As [`DATA_URL_MARK`], for bare base64.
pub(crate) const BASE64_MARK: &str = "$file_as_base64";

/// Stands in a [`Body::JsonWithFiles`] for the file of that name as a data URL.
pub fn file_as_data_url(name: &str) -> Value {
    json!({ DATA_URL_MARK: name })
}

/// Stands in a [`Body::JsonWithFiles`] for the file of that name in base64.
pub fn file_as_base64(name: &str) -> Value {
    json!({ BASE64_MARK: name })
}

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Words.
    Text {
        /// The field's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A file.
    File {
        /// The field's name.
        name: String,
        /// The file.
        file: InputFile,
    },
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        let (method, headers) = (Method::GET, HeaderMap::new());
        Self { method, path: path.into(), headers, body: Body::Bytes(Vec::new()) }
    }

    /// A POST of a form with files.
    pub fn post_multipart(path: impl Into<String>, fields: Vec<Field>) -> Self {
        let (method, headers) = (Method::POST, HeaderMap::new());
        Self { method, path: path.into(), headers, body: Body::Multipart(fields) }
    }

    /// A POST of JSON with files in it.
    pub fn post_json_with_files(
        path: impl Into<String>,
        value: Value,
        files: BTreeMap<String, InputFile>,
    ) -> Self {
        let body = Body::JsonWithFiles { value, files };
        Self { body, ..Self::post_json(path, &Value::Null) }
    }

    /// A POST of JSON.
    pub fn post_json(path: impl Into<String>, body: &Value) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        // A value has no keys that JSON cannot have.
        let body = Body::Bytes(serde_json::to_vec(body).unwrap_or_default());
        Self { method: Method::POST, path: path.into(), headers, body }
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
    upstream: &'a Upstream,
    known: [&str; N],
) -> Result<[Option<&'a str>; N], ProviderError> {
    let params = &upstream.params;
    match params.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(rejected(format!("the adapter has no setting `{unknown}`"))),
        None => Ok(known.map(|name| params.get(name).map(String::as_str))),
    }
}

/// A call that cannot be put to the vendor.
pub(crate) fn rejected(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::RejectedRequest, message)
}
