//! The payment services behind `domain::port::PaymentGateway`.
//!
//! What differs between them stands in adapters ([`Adapter`]): pure functions from an order to a request, and from an
//! answer's bytes to a payment. What does not differ stands in [`Gateway`], the only code here that does IO: time limits,
//! size limits, repeats, and keeping secrets out of messages.

mod adapter;
mod client;
mod service;
mod settings;

pub use adapter::{Access, Adapter, Exchange, Read, Request, Response, Step};
pub use client::{Gateway, PaymentsError};
pub use service::{Telegram, Yookassa};
pub use settings::{PaymentsSettings, SettingError, TelegramSettings, YookassaSettings};
