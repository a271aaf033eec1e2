//! Services' messages, made fit for logs.

use crate::adapter::shortened;
use secrecy::{ExposeSecret, SecretString};

/// Characters that a message keeps.
const MAX_CHARS: usize = 300;
const REDACTED: &str = "[redacted]";

/// The message without secrets and control characters, and shortened. Shortening comes last: the first half of a secret
/// looks like nothing.
pub(super) fn for_operators(message: &str, secrets: &[SecretString]) -> String {
    let secrets = secrets.iter().map(SecretString::expose_secret).filter(|secret| !secret.is_empty());
    let clean = secrets.fold(message.to_owned(), |message, secret| message.replace(secret, REDACTED));
    let clean = clean.replace(char::is_control, " ");
    match shortened(&clean, MAX_CHARS) {
        whole if whole.len() == clean.len() => clean,
        start => format!("{start}…"),
    }
}
