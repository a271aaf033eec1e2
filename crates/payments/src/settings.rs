//! What an operator sets about payments.

use domain::port::PaymentMethod;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The section `payments`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsSettings {
    /// Cards and SBP.
    pub yookassa: YookassaSettings,
    /// Telegram Stars.
    pub telegram: TelegramSettings,
    /// Milliseconds to reach a service, TLS included.
    pub connect_timeout_ms: u64,
    /// Milliseconds for one attempt, its answer included.
    pub attempt_timeout_ms: u64,
    /// Milliseconds for one request, repeats and pauses included. A service that asks us to wait for longer is not asked
    /// again.
    pub timeout_ms: u64,
    /// Attempts for one request, at most.
    pub max_attempts: usize,
    /// Milliseconds before the second attempt, at least; each further pause is twice as long, up to a minute.
    pub first_backoff_ms: u64,
}

/// The shop at `YooKassa`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct YookassaSettings {
    /// The shop's number. Without it and its key, roubles are not taken.
    pub shop_id: String,
    /// The shop's secret key.
    pub secret_key: SecretString,
    /// Where the service is reached, path included.
    pub base_url: String,
    /// Whether fiscal receipts go through `YooKassa`. Each payment then needs an e-mail address.
    pub receipts: bool,
    /// The rate of VAT on receipts, by `YooKassa`'s code, 1..12; 1 is "without VAT".
    pub vat_code: u8,
    /// The shop's system of taxation, by `YooKassa`'s code, 1..6; `None` leaves it to the cash register.
    pub tax_system_code: Option<u8>,
    /// What is sold, by `YooKassa`'s word for it.
    pub payment_subject: String,
    /// How it is paid, by `YooKassa`'s word for it.
    pub payment_mode: String,
}

/// The bot that sells for Telegram Stars.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramSettings {
    /// The bot's token. Without it and the webhook's secret, Stars are not taken.
    pub bot_token: SecretString,
    /// What stands before `/bot<TOKEN>/<method>`.
    pub base_url: String,
    /// What Telegram was given as `secret_token` of the webhook: the proof that a message is Telegram's.
    pub webhook_secret: SecretString,
    /// What one Star is worth when a price in roubles is put into Stars, in kopecks.
    pub kopecks_per_star: i64,
}

impl Default for PaymentsSettings {
    fn default() -> Self {
        Self {
            yookassa: YookassaSettings::default(),
            telegram: TelegramSettings::default(),
            connect_timeout_ms: 5_000,
            attempt_timeout_ms: 15_000,
            timeout_ms: 30_000,
            max_attempts: 3,
            first_backoff_ms: 500,
        }
    }
}

impl Default for YookassaSettings {
    fn default() -> Self {
        Self {
            shop_id: String::new(),
            secret_key: SecretString::default(),
            base_url: "https://api.yookassa.ru/v3".to_owned(),
            receipts: false,
            vat_code: 1,
            tax_system_code: None,
            payment_subject: "service".to_owned(),
            payment_mode: "full_payment".to_owned(),
        }
    }
}

impl Default for TelegramSettings {
    fn default() -> Self {
        Self {
            bot_token: SecretString::default(),
            base_url: "https://api.telegram.org".to_owned(),
            webhook_secret: SecretString::default(),
            kopecks_per_star: 120,
        }
    }
}

/// A setting that cannot be used. The value is not repeated: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {setting}: {message}")]
pub struct SettingError {
    /// Its full name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub message: &'static str,
}

impl PaymentsSettings {
    /// Whether there is all that the service of `method` needs to be asked.
    pub fn is_configured(&self, method: PaymentMethod) -> bool {
        match method {
            PaymentMethod::Yookassa => self.yookassa.is_configured(),
            PaymentMethod::TelegramStars => self.telegram.is_configured(),
        }
    }

    /// Whether every setting can be used.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check(&self) -> Result<(), SettingError> {
        let times = [
            ("payments.connect_timeout_ms", self.connect_timeout_ms),
            ("payments.attempt_timeout_ms", self.attempt_timeout_ms),
            ("payments.timeout_ms", self.timeout_ms),
        ];
        for (setting, ms) in times {
            ensure(setting, (1..=HOUR_MS).contains(&ms), "must lie in 1..3600000")?;
        }
        let backoff = (1..=MINUTE_MS).contains(&self.first_backoff_ms);
        ensure("payments.first_backoff_ms", backoff, "must lie in 1..60000")?;
        ensure("payments.max_attempts", (1..=10).contains(&self.max_attempts), "must lie in 1..10")?;
        self.yookassa.check()?;
        self.telegram.check()
    }
}

impl YookassaSettings {
    /// Whether the shop's number and key are there.
    pub fn is_configured(&self) -> bool {
        !self.shop_id.is_empty() && !is_empty(&self.secret_key)
    }

    fn check(&self) -> Result<(), SettingError> {
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let is_shop = self.shop_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        let has_both = self.shop_id.is_empty() == is_empty(&self.secret_key);
        let tax_system = self.tax_system_code.is_none_or(|code| (1..=6).contains(&code));
        ensure("payments.yookassa.shop_id", is_shop, "must be the number of a shop")?;
        ensure(
            "payments.yookassa.secret_key",
            has_only(&self.secret_key, |byte| byte.is_ascii_graphic()),
            "holds characters that no key has",
        )?;
        ensure("payments.yookassa.secret_key", has_both, "and shop_id need each other")?;
        check_base_url("payments.yookassa.base_url", &self.base_url)?;
        ensure("payments.yookassa.vat_code", (1..=12).contains(&self.vat_code), "must lie in 1..12")?;
        ensure("payments.yookassa.tax_system_code", tax_system, "must lie in 1..6")?;
        ensure("payments.yookassa.payment_subject", is_word(&self.payment_subject), NO_WORD)?;
        ensure("payments.yookassa.payment_mode", is_word(&self.payment_mode), NO_WORD)
    }
}

impl TelegramSettings {
    /// Whether the bot's token and the webhook's secret are there. Without the secret no payment could be confirmed, so none
    /// is asked for.
    pub fn is_configured(&self) -> bool {
        !is_empty(&self.bot_token) && !is_empty(&self.webhook_secret)
    }

    fn check(&self) -> Result<(), SettingError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        // The token becomes part of a URL.
        let is_token = has_only(&self.bot_token, |byte| is_word(byte) || byte == b':');
        ensure("payments.telegram.bot_token", is_token, "holds characters that no token has")?;
        let secret = &self.webhook_secret;
        let is_secret = has_only(secret, is_word) && secret.expose_secret().len() <= 256;
        ensure(
            "payments.telegram.webhook_secret",
            is_secret,
            "must have at most 256 of the characters A-Z, a-z, 0-9, _ and -",
        )?;
        check_base_url("payments.telegram.base_url", &self.base_url)?;
        ensure("payments.telegram.kopecks_per_star", self.kopecks_per_star > 0, "must be above 0")
    }
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const NO_WORD: &str = "must be one of YooKassa's words";

fn ensure(setting: &'static str, is_right: bool, message: &'static str) -> Result<(), SettingError> {
    if is_right { Ok(()) } else { Err(SettingError { setting, message }) }
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

fn has_only(secret: &SecretString, is_allowed: impl Fn(u8) -> bool) -> bool {
    secret.expose_secret().bytes().all(is_allowed)
}

fn check_base_url(setting: &'static str, url: &str) -> Result<(), SettingError> {
    let parsed = Url::parse(url).map_err(|_| SettingError { setting, message: "is no URL" })?;
    let is_http = matches!(parsed.scheme(), "http" | "https") && parsed.has_host();
    ensure(setting, is_http, "must begin with http:// or https://")?;
    let is_bare = parsed.query().is_none() && parsed.fragment().is_none();
    ensure(setting, is_bare, "must have no query and no fragment")?;
    let is_anonymous = parsed.username().is_empty() && parsed.password().is_none();
    ensure(setting, is_anonymous, "must hold no user and no password")
}
