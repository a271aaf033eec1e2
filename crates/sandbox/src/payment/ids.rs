//! Ids of payments. They follow from what was asked for and how often something was, and so are the same in each run;
//! and as orders bear random references, they differ from those of a sandbox that ran before on the same database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

fn digest(reference: &str, number: usize) -> [u8; 32] {
    Sha256::digest(format!("{number} {reference}")).into()
}

/// An id of 36 characters, a UUID in form.
pub(crate) fn uuid(reference: &str, number: usize) -> String {
    let digits = hex::encode(&digest(reference, number)[..16]);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    // The vendor's own ids have these two nibbles.
    format!("{}-{}-5{}-9{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// An id of 24 characters that a URL takes.
pub(crate) fn token(reference: &str, number: usize) -> String {
    URL_SAFE_NO_PAD.encode(&digest(reference, number)[..18])
}

/// An id of digits alone.
pub(crate) fn digits(reference: &str, number: usize) -> String {
    let [a, b, c, d, e, f, g, ..] = digest(reference, number);
    u64::from_be_bytes([0, a, b, c, d, e, f, g]).to_string()
}
