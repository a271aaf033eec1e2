//! API keys: how they are made and how they are recognised.

use sha2::{Digest, Sha256};

/// What every key begins with.
const PREFIX: &str = "nb_";
/// Characters of a key in all. 45 of them are random: 267 bits.
const KEY_LEN: usize = 48;
/// Characters of a key that are kept to tell it by.
pub(crate) const SHOWN_LEN: usize = 10;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The largest multiple of 62 that a byte can reach: bytes from there on would favour some characters.
const FAIR_BYTES: u8 = 248;

/// A fresh key, from the operating system's randomness.
pub(crate) fn generate() -> Result<String, getrandom::Error> {
    let mut key = PREFIX.to_owned();
    let mut bytes = [0_u8; KEY_LEN];
    while key.len() < KEY_LEN {
        getrandom::fill(&mut bytes)?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR_BYTES);
        let characters = fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        key.extend(characters.take(KEY_LEN - key.len()));
    }
    Ok(key)
}

/// Whether `key` has the form of a key, so that nothing else is ever looked up.
pub(crate) fn is_well_formed(key: &str) -> bool {
    key.len() == KEY_LEN
        && key.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The SHA-256 of a key in hexadecimal. A key is random, so it needs neither salt nor a slow hash; and looking its hash
/// up leaks nothing about it by timing.
pub(crate) fn hash(key: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(key))
}

/// The part of a key that its owner may see again.
pub(crate) fn shown_prefix(key: &str) -> &str {
    key.get(..SHOWN_LEN).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_form_and_differ() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        for key in [&one, &other] {
            assert!(is_well_formed(key), "{key}");
        }
        for wrong in ["", "nb_", &one[..47], &format!("{one}x"), &one.replacen("nb_", "nc_", 1)] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_sha_256() {
        // The vector of FIPS 180-2, appendix B.1.
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
