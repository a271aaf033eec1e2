//! Refresh tokens. One has two random parts: the family, which stays the same for as long as a sign-in lasts, and the secret,
//! which is another each time. So a token that was used before still says whose it was, though nothing is kept of it.

use crate::{Error, key};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

const FAMILY_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// A refresh token, whoever's.
pub(super) struct RefreshToken {
    bytes: [u8; FAMILY_BYTES + SECRET_BYTES],
}

impl RefreshToken {
    /// The first one of a new sign-in.
    pub(super) fn generate() -> Result<Self, Error> {
        let mut bytes = [0; FAMILY_BYTES + SECRET_BYTES];
        fill(&mut bytes)?;
        Ok(Self { bytes })
    }

    /// The one that comes after it.
    pub(super) fn next(&self) -> Result<Self, Error> {
        let mut bytes = self.bytes;
        fill(&mut bytes[FAMILY_BYTES..])?;
        Ok(Self { bytes })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self { bytes: bytes.try_into().ok()? })
    }

    pub(super) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// What its sign-in is found by.
    pub(super) fn family_hash(&self) -> String {
        key::hash(&self.bytes[..FAMILY_BYTES])
    }

    /// What is kept of it. As it is random, that needs neither salt nor a slow hash.
    pub(super) fn hash(&self) -> String {
        key::hash(self.bytes)
    }

    /// Whether this is what was kept of it. Compared in constant time.
    pub(super) fn is_behind(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_family_share_only_that() {
        let first = RefreshToken::generate().unwrap();
        let next = first.next().unwrap();
        let read = RefreshToken::parse(&next.to_text()).unwrap();
        assert_eq!((read.family_hash(), read.hash()), (first.family_hash(), next.hash()));
        assert_ne!(first.hash(), next.hash());
        assert!(read.is_behind(&next.hash()) && !read.is_behind(&first.hash()) && !read.is_behind(""));
        assert_ne!(first.family_hash(), RefreshToken::generate().unwrap().family_hash());
        for wrong in ["", "a", &first.to_text()[1..], &format!("{}A", first.to_text())] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
