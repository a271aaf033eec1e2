//! Webhooks: telling clients' servers what happens to their accounts.
//!
//! What is to be told is written with what it tells (the ledger's `tell.rs`, billing's writes), so nothing happens without
//! its event. A round of the worker makes deliveries of it, and sends those that are due.

mod attempt;
mod deliver;
mod endpoints;
mod fan_out;
mod message;
mod places;
mod signing;

pub use endpoints::{CreateEndpoint, CreatedEndpoint, DeliveriesPage, MAX_DELIVERIES_DEPTH};
pub use message::message_id;

use crate::{App, GenerationView};
use domain::{id::AccountId, params::FieldError, port::WebhookSender};
use places::Places;
use serde_json::{Map, Value};
use std::sync::{Arc, atomic::AtomicI64};
use tokio::sync::Semaphore;

/// Bytes that an address may have.
const MAX_URL_BYTES: usize = 2_048;
/// The field of a generation's request that names an address for word of its end.
const FIELD: &str = "webhook_url";

/// So many accounts fill the room for sending, however many hosts each of them names; a single one leaves the rest of it free.
const ACCOUNTS_AT_ONCE: usize = 4;

/// What a deployment decides about webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Endpoints that an account may have.
    pub endpoints_per_account: u64,
    /// Messages that this process sends at the same time.
    pub sent_at_once: usize,
    /// As many of them may go to one host.
    pub sent_at_once_per_host: usize,
}

/// How a generation that has ended is shown to its owner.
pub type ShowGeneration = fn(GenerationView) -> Value;

/// What sending takes.
pub(crate) struct Webhooks {
    sender: Arc<dyn WebhookSender>,
    show: ShowGeneration,
    room: Arc<Semaphore>,
    hosts: Places<String>,
    accounts: Places<AccountId>,
    /// The lane behind which the next round begins.
    lane: AtomicI64,
}

impl Webhooks {
    pub(crate) fn new(
        sender: Arc<dyn WebhookSender>,
        show: ShowGeneration,
        settings: WebhookSettings,
    ) -> Self {
        Self {
            sender,
            show,
            room: Arc::new(Semaphore::new(settings.sent_at_once.min(Semaphore::MAX_PERMITS))),
            hosts: Places::new(settings.sent_at_once_per_host),
            accounts: Places::new(
                settings.sent_at_once_per_host.max(settings.sent_at_once / ACCOUNTS_AT_ONCE),
            ),
            lane: AtomicI64::new(deliver::START),
        }
    }
}

impl App {
    /// Takes the address for word of its end out of the parameters of a generation's request.
    pub(crate) fn take_webhook_url(
        &self,
        params: &mut Map<String, Value>,
    ) -> Result<Option<String>, FieldError> {
        match params.remove(FIELD) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(url)) => self.check_webhook_url(FIELD, &url).map(|()| Some(url)),
            Some(_) => Err(FieldError::new(FIELD, "must be a string")),
        }
    }

    /// Whether messages may be sent to `url`, as far as it tells by itself.
    fn check_webhook_url(&self, field: &str, url: &str) -> Result<(), FieldError> {
        if url.len() > MAX_URL_BYTES {
            return Err(FieldError::new(field, format!("must be at most {MAX_URL_BYTES} bytes")));
        }
        let host = self.inner.webhooks.sender.host(url);
        host.map(drop).map_err(|message| FieldError::new(field, message))
    }
}
