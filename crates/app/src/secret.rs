//! Secrets that are made from one, so that none of them lies in the database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What this installation makes its secrets from. Every process on one database needs the same.
#[derive(Clone, Debug)]
pub struct MasterSecret(Arc<SecretBox<[u8; 32]>>);

impl MasterSecret {
    /// Made of whatever an operator or a random generator gives; it is as hard to guess as that.
    pub fn of(source: &[u8]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(Sha256::digest(source).into()))))
    }

    /// What tells it from another, in hexadecimal, for the database: whoever reads that cannot make anything of it.
    pub fn check(&self) -> String {
        hex::encode(self.derive("check", &[]))
    }

    /// The secret for one purpose, and in it for one thing. It tells nothing of the others, nor of this.
    pub(crate) fn derive(&self, purpose: &'static str, thing: &[i64]) -> [u8; 32] {
        let thing: Vec<u8> = thing.iter().flat_map(|part| part.to_be_bytes()).collect();
        mac(self.0.expose_secret(), &[purpose.as_bytes(), &[0], &thing])
    }

    /// What a text is known by again for one purpose. Without this secret nobody can tell the text from it, not even by trying
    /// texts.
    pub(crate) fn pseudonym(&self, purpose: &'static str, text: &str) -> String {
        let bytes = mac(&self.derive(purpose, &[]), &[text.as_bytes()]);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn mac(secret: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros, so this is the same key.
    let mut key = [0; 64];
    for (byte, secret) in key.iter_mut().zip(secret) {
        *byte = *secret;
    }
    let mut mac = Hmac::<Sha256>::new(&key.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_stable_and_apart() {
        let master = MasterSecret::of(b"a secret");
        assert_eq!(
            master.derive("webhook", &[1, 2]),
            MasterSecret::of(b"a secret").derive("webhook", &[1, 2])
        );
        let others = [
            master.derive("webhook", &[1, 3]),
            master.derive("webhook", &[1]),
            master.derive("token", &[1, 2]),
            MasterSecret::of(b"another").derive("webhook", &[1, 2]),
        ];
        assert!(others.iter().all(|other| *other != master.derive("webhook", &[1, 2])));
        assert_eq!(master.pseudonym("starter", "ann"), master.pseudonym("starter", "ann"));
        assert_ne!(master.pseudonym("starter", "ann"), master.pseudonym("starter", "bob"));
        assert_ne!(
            master.pseudonym("starter", "ann"),
            MasterSecret::of(b"another").pseudonym("starter", "ann")
        );
        assert!(format!("{master:?}").contains("REDACTED"), "{master:?}");
    }
}
