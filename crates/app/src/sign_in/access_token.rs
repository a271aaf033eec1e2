//! Access tokens: JSON Web Tokens (RFC 7519) signed by HMAC-SHA-256 with a secret of the installation's.

use crate::{Error, MasterSecret};
use domain::{id::AccountId, time::Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Seconds for which an access token is good.
pub(super) const LIFE_S: i64 = 900;
/// Characters that a token of ours never has more of.
const MAX_CHARS: usize = 1_000;

/// Signs access tokens, and knows its own again.
pub(crate) struct AccessTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    rules: Validation,
}

/// What an access token says.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Claims {
    /// The account's id.
    pub(crate) sub: String,
    /// The sign-in: the hash that all its refresh tokens share.
    pub(crate) sid: String,
    /// The second of the Unix epoch from which it is good no more.
    pub(crate) exp: i64,
}

impl Claims {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        now.unix_ms() >= self.exp.saturating_mul(1_000)
    }
}

impl AccessTokens {
    pub(crate) fn new(secret: &MasterSecret) -> Self {
        let secret = secret.derive("access-token", &[]);
        // Of the one algorithm, whatever a token's header says. Its time is held against our own clock, by who reads it.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let (signing, checking) = (EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret));
        Self { signing, checking, rules }
    }

    pub(super) fn sign(
        &self,
        account_id: AccountId,
        family_hash: &str,
        now: Timestamp,
    ) -> Result<String, Error> {
        let exp = now.unix_ms().div_euclid(1_000).saturating_add(LIFE_S);
        let claims = Claims { sub: account_id.to_string(), sid: family_hash.to_owned(), exp };
        let token = jsonwebtoken::encode(&Header::default(), &claims, &self.signing);
        token.map_err(|error| Error::Internal(error.to_string()))
    }

    /// What a token of ours says, expired or not; `None` for anything else.
    pub(crate) fn read(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_CHARS {
            return None;
        }
        jsonwebtoken::decode(token, &self.checking, &self.rules).ok().map(|token| token.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    fn tokens(secret: &[u8]) -> AccessTokens {
        AccessTokens::new(&MasterSecret::of(secret))
    }

    #[test]
    fn a_token_is_read_by_whoever_signed_it_alone() {
        let at = Timestamp::from_unix_ms(1_795_305_600_999);
        let token = tokens(b"one").sign(AccountId(7), "family", at).unwrap();
        let claims = tokens(b"one").read(&token).unwrap();
        assert_eq!(claims, Claims { sub: "7".to_owned(), sid: "family".to_owned(), exp: 1_795_306_500 });
        assert_eq!(tokens(b"other").read(&token), None);
        let [header, body, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"8","sid":"family","exp":1795306500}"#);
        for wrong in [
            format!("{none}.{body}."),
            format!("{none}.{body}.{signature}"),
            format!("{header}.{forged}.{signature}"),
            format!("{header}.{body}."),
            format!("{header}.{body}"),
            format!("{header}.{body}.{}", &signature[1..]),
            String::new(),
            ".".repeat(2_000),
        ] {
            assert_eq!(tokens(b"one").read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_good_for_a_quarter_of_an_hour() {
        let claims = Claims { sub: String::new(), sid: String::new(), exp: 900 };
        assert!(!claims.has_expired(Timestamp::from_unix_ms(899_999)));
        assert!(claims.has_expired(Timestamp::from_unix_ms(900_000)));
    }
}
