//! What Telegram's login widget gives a browser, and how it proves itself: core.telegram.org/widgets/login.

use crate::{Error, profile};
use domain::{params::FieldError, time::Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Milliseconds for which what the widget gave is good.
const GOOD_MS: i64 = 24 * 60 * 60 * 1_000;
/// Milliseconds by which Telegram's clock may be ahead of ours.
const AHEAD_MS: i64 = 5 * 60 * 1_000;
/// Fields that are looked at, at most, and characters of one: there are seven, and none is long.
const MAX_FIELDS: usize = 20;
const MAX_CHARS: usize = 2_048;

/// Somebody at Telegram, as the widget tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TelegramUser {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) username: Option<String>,
    pub(super) photo_url: Option<String>,
}

/// Who the fields speak of, if they are genuine and fresh.
///
/// # Errors
/// [`Error::Validation`] for what the widget never gives, [`Error::NotSignedIn`] for what did not come from it, or long ago.
pub(super) fn verify(
    fields: &Map<String, Value>,
    bot_token: &SecretString,
    now: Timestamp,
) -> Result<TelegramUser, Error> {
    let fields = read(fields)?;
    let text = |name: &str| fields.get(name).map(String::as_str);
    let lines = fields.iter().filter(|(name, _)| *name != "hash");
    let lines: Vec<String> = lines.map(|(name, value)| format!("{name}={value}")).collect();
    let secret = Sha256::digest(bot_token.expose_secret());
    let mac = Hmac::<Sha256>::new_from_slice(&secret).map_err(|error| Error::Internal(error.to_string()))?;
    let given = text("hash").and_then(|hash| hex::decode(hash).ok()).unwrap_or_default();
    if mac.chain_update(lines.join("\n")).verify_slice(&given).is_err() {
        return Err(Error::NotSignedIn("these fields are not what Telegram signed"));
    }
    let number = |name: &str| text(name).and_then(|value| value.parse::<i64>().ok());
    let made_ms = number("auth_date").and_then(|seconds| seconds.checked_mul(1_000));
    let is_fresh = made_ms.is_some_and(|ms| {
        let age_ms = now.unix_ms().saturating_sub(ms);
        (-AHEAD_MS..=GOOD_MS).contains(&age_ms)
    });
    if !is_fresh {
        return Err(Error::NotSignedIn("Telegram signed these fields too long ago; please sign in again"));
    }
    let id = number("id").filter(|id| *id > 0);
    Ok(TelegramUser {
        id: id.ok_or_else(|| wrong("id", "must be a user's number"))?,
        name: profile::fit_name(
            &[text("first_name"), text("last_name")].map(Option::unwrap_or_default).join(" "),
        ),
        username: text("username").filter(|name| !name.is_empty()).map(str::to_owned),
        photo_url: text("photo_url").filter(|url| profile::is_avatar_url(url)).map(str::to_owned),
    })
}

/// All fields as texts, sorted by name, which is how they are signed.
fn read(fields: &Map<String, Value>) -> Result<BTreeMap<String, String>, Error> {
    let mut errors = Vec::new();
    for name in ["id", "auth_date", "hash"] {
        if !fields.contains_key(name) {
            errors.push(FieldError::new(name, "is needed"));
        }
    }
    if fields.len() > MAX_FIELDS {
        errors.push(FieldError::new("body", format!("must have at most {MAX_FIELDS} fields")));
    }
    let mut read = BTreeMap::new();
    for (name, value) in fields.iter().take(MAX_FIELDS) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_i64() => number.to_string(),
            _ => {
                errors.push(FieldError::new(name, "must be a string or a whole number"));
                continue;
            }
        };
        if text.len() > MAX_CHARS {
            errors.push(FieldError::new(name, format!("must be at most {MAX_CHARS} bytes")));
        }
        read.insert(name.clone(), text);
    }
    if errors.is_empty() { Ok(read) } else { Err(Error::Validation(errors)) }
}

fn wrong(field: &str, message: &str) -> Error {
    Error::Validation(vec![FieldError::new(field, message)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HASH: &str = "a0747dc5e7c6607fb80d06891e2b456933cc8885f3f48e30b45332428f7d9d5e";
    const MADE_MS: i64 = 1_700_000_000_000;

    fn fields() -> Map<String, Value> {
        let fields = json!({ "id": 42, "first_name": "Ann", "username": "ann", "auth_date": 1_700_000_000, "hash": HASH });
        fields.as_object().unwrap().clone()
    }

    fn verified(fields: &Map<String, Value>, age_ms: i64) -> Result<TelegramUser, Error> {
        let now = Timestamp::from_unix_ms(MADE_MS + age_ms);
        verify(fields, &SecretString::from("123456:TEST"), now)
    }

    #[test]
    fn what_telegram_signed_is_believed_for_a_day() {
        let ann = TelegramUser {
            id: 42,
            name: "Ann".to_owned(),
            username: Some("ann".to_owned()),
            photo_url: None,
        };
        for age_ms in [-AHEAD_MS, 0, GOOD_MS] {
            assert_eq!(verified(&fields(), age_ms).unwrap(), ann);
        }
        for age_ms in [-AHEAD_MS - 1, GOOD_MS + 1] {
            assert!(matches!(verified(&fields(), age_ms), Err(Error::NotSignedIn(_))), "{age_ms}");
        }
    }

    #[test]
    fn what_telegram_did_not_sign_is_not_believed() {
        for (name, value) in [
            ("id", json!(43)),
            ("auth_date", json!(1_700_000_001)),
            ("last_name", json!("B")),
            ("hash", json!("")),
            ("hash", json!(HASH.replace('a', "b"))),
        ] {
            let mut forged = fields();
            forged.insert(name.to_owned(), value);
            assert!(matches!(verified(&forged, 0), Err(Error::NotSignedIn(_))), "{name}");
        }
        for (name, value) in
            [("id", json!([42])), ("auth_date", json!(1.5)), ("photo_url", json!("x".repeat(3_000)))]
        {
            let mut odd = fields();
            odd.insert(name.to_owned(), value);
            assert!(matches!(verified(&odd, 0), Err(Error::Validation(_))), "{name}");
        }
        assert!(matches!(verified(&Map::new(), 0), Err(Error::Validation(errors)) if errors.len() == 3));
    }
}
