//! Signing in.

use super::{
    SettingsError,
    ranges::{whole, within},
};
use app::{PasswordCost, SignInSettings};
use domain::time::DAY_MS;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Characters that a secret has at least: as many bits as are signed with, were each one of four.
const MIN_SECRET_CHARS: usize = 32;

/// The section `auth`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthSettings {
    /// What this installation makes its secrets from; by default it is kept in a file.
    pub(crate) secret: Option<SecretString>,
    /// The bot whose login widget is believed; by default the one that sells.
    pub(crate) telegram_bot_token: Option<SecretString>,
    /// Days after which a sign-in is over.
    pub(crate) session_days: i64,
    /// Wrong passwords for one e-mail address in a quarter of an hour.
    pub(crate) max_attempts: u32,
    /// Argon2id's memory.
    pub(crate) password_memory_kib: u32,
    /// Argon2id's passes over it.
    pub(crate) password_passes: u32,
    /// Passwords that are hashed at the same time.
    pub(crate) passwords_at_once: usize,
}

impl AuthSettings {
    /// For the use-cases. `selling_bot` is the token of the bot that sells, if there is one.
    pub(crate) fn sign_in(&self, selling_bot: &SecretString) -> SignInSettings {
        let selling_bot = Some(selling_bot).filter(|token| !token.expose_secret().is_empty());
        SignInSettings {
            telegram_bot_token: self.telegram_bot_token.as_ref().or(selling_bot).cloned(),
            session_ms: self.session_days * DAY_MS,
            max_attempts: self.max_attempts,
            password: PasswordCost {
                memory_kib: self.password_memory_kib,
                passes: self.password_passes,
                at_once: self.passwords_at_once,
            },
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let is_short = |secret: &SecretString| secret.expose_secret().chars().count() < MIN_SECRET_CHARS;
        if self.secret.as_ref().is_some_and(is_short) {
            let message = format!("must be at least {MIN_SECRET_CHARS} characters, picked by chance");
            return Err(SettingsError::bad("auth.secret", message));
        }
        within("auth.session_days", self.session_days, &(1..=366))?;
        within("auth.max_attempts", self.max_attempts.into(), &(1..=10_000))?;
        // Argon2 takes no less than 8 KiB; above a gibibyte a handful of sign-ins would fill a machine.
        within("auth.password_memory_kib", self.password_memory_kib.into(), &(8..=1_048_576))?;
        within("auth.password_passes", self.password_passes.into(), &(1..=100))?;
        within("auth.passwords_at_once", whole(self.passwords_at_once), &(1..=64))
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            secret: None,
            telegram_bot_token: None,
            session_days: 30,
            max_attempts: 10,
            // What OWASP's cheat sheet on password storage asks of argon2id, with one lane.
            password_memory_kib: 19_456,
            password_passes: 2,
            passwords_at_once: 4,
        }
    }
}
