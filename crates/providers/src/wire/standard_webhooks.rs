//! Signatures of Standard Webhooks, 1.0.0: <https://www.standardwebhooks.com>.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use domain::{port::Callback, time::Timestamp};
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq;

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// Milliseconds that a signature may be old, or ahead: what it was made for is over then, and somebody may have kept it.
const TOLERANCE_MS: i64 = 300_000;
/// Bytes of a secret, at least. The specification wants 24; nobody signs with less than half of that.
const MIN_SECRET_BYTES: usize = 12;
/// Some give their secrets without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What callbacks are checked with; `None` when the secret is none.
pub(crate) fn secret(text: &str) -> Option<Webhook> {
    let bytes = LENIENT.decode(text.strip_prefix(PREFIX)?).ok()?;
    (bytes.len() >= MIN_SECRET_BYTES).then(|| Webhook::from_bytes(bytes).ok())?
}

/// Whether `callback` bears a signature of `secret`'s over just these bytes, made not long before or after `now`.
pub(crate) fn is_signed(secret: &Webhook, callback: &Callback, now: Timestamp) -> bool {
    let header = |name: &str| callback.headers.get(name).map(String::as_str);
    let (Some(id), Some(time), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return false;
    };
    let Some(time_s) = time.parse::<i64>().ok().filter(|_| time.bytes().all(|byte| byte.is_ascii_digit()))
    else {
        return false;
    };
    let age_ms = now.ms_since(Timestamp::from_unix_ms(time_s.saturating_mul(1_000)));
    if age_ms.unsigned_abs() > TOLERANCE_MS.unsigned_abs() {
        return false;
    }
    // While a secret is being changed there are several; those of other schemes begin otherwise.
    let Ok(expected) = secret.sign(id, time_s, &callback.body) else { return false };
    // In constant time, so that no signature can be found byte by byte.
    let is_expected = |signature: &str| bool::from(signature.as_bytes().ct_eq(expected.as_bytes()));
    signatures.split(' ').any(is_expected)
}

#[cfg(test)]
mod tests;
