//! The vendors behind `domain::port::Provider`.
//!
//! What differs between vendors stands in adapters ([`Adapter`]): pure functions from a call to a request, and from an
//! answer's bytes to an answer. What does not differ stands in [`Client`], the only code here that does IO: time
//! limits, size limits, retries, and keeping keys out of messages.
//!
//! To add a vendor, write one file under `src/vendor/`, list it in `src/vendor.rs`, and give it rows in the catalog.

mod adapter;
mod client;
mod fetch;
mod repeat;
mod sse;
mod vendor;
mod wire;

pub use adapter::{
    Adapter, AnswerForm, Body, Callbacks, ChatAdapter, Exchange, Field, InputForm, KeyCarrier, MediaAdapter,
    Repeat, Reply, ReplyBody, Request, Response, Step, StreamDecoder, file_as_base64, file_as_data_url,
};
pub use client::{Client, ClientError, ClientSettings, Observed, Observer, Shown, VendorSettings};
pub use fetch::{
    FetchError, FetchSettings, Fetcher, Network, WebhookClient, WebhookClientSettings, is_public,
    leads_to_private,
};
pub use vendor::{ADAPTERS, callbacks, vendors};
