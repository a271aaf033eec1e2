#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
//! What adapters say and understand, by fixtures after the services' documentation; and what the client does over real
//! sockets.

mod client;
mod odd_bytes;
mod secrets;
mod settings;
mod support;
mod telegram;
mod telegram_books;
mod yookassa;
mod yookassa_answers;
