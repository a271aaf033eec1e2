//! Which settings can be used.

use crate::support::settings;
use domain::port::PaymentMethod;
use payments::{Gateway, PaymentsError, PaymentsSettings};

/// What is wrong with the settings after `change`.
fn wrong(change: impl FnOnce(&mut PaymentsSettings)) -> Option<&'static str> {
    let mut settings = settings("http://localhost");
    change(&mut settings);
    let error = settings.check().err()?;
    for method in PaymentMethod::ALL {
        let refused = Gateway::new(method, &settings).err();
        assert!(matches!(refused, Some(PaymentsError::Setting(same)) if same == error));
    }
    Some(error.setting)
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    assert_eq!(PaymentsSettings::default().check(), Ok(()));
    assert_eq!(wrong(|_| {}), None);
    assert_eq!(wrong(|s| s.yookassa.shop_id = "1:2".into()), Some("payments.yookassa.shop_id"));
    assert_eq!(wrong(|s| s.yookassa.secret_key = "a\nb".into()), Some("payments.yookassa.secret_key"));
    assert_eq!(wrong(|s| s.yookassa.secret_key = "".into()), Some("payments.yookassa.secret_key"));
    assert_eq!(wrong(|s| s.yookassa.shop_id = "".into()), Some("payments.yookassa.secret_key"));
    for vat_code in [0, 13] {
        assert_eq!(wrong(|s| s.yookassa.vat_code = vat_code), Some("payments.yookassa.vat_code"));
    }
    for code in [0, 7] {
        let setting = Some("payments.yookassa.tax_system_code");
        assert_eq!(wrong(|s| s.yookassa.tax_system_code = Some(code)), setting);
    }
    let setting = Some("payments.yookassa.payment_subject");
    assert_eq!(wrong(|s| s.yookassa.payment_subject = String::new()), setting);
    assert_eq!(wrong(|s| s.yookassa.payment_mode = "Full".into()), Some("payments.yookassa.payment_mode"));
    for token in ["123/../x", "123?x", "123 4"] {
        assert_eq!(wrong(|s| s.telegram.bot_token = token.into()), Some("payments.telegram.bot_token"));
    }
    for secret in ["a b", "a:b", &"a".repeat(257)] {
        let setting = Some("payments.telegram.webhook_secret");
        assert_eq!(wrong(|s| s.telegram.webhook_secret = secret.into()), setting);
    }
    let setting = Some("payments.telegram.kopecks_per_star");
    assert_eq!(wrong(|s| s.telegram.kopecks_per_star = 0), setting);
    assert_eq!(wrong(|s| s.max_attempts = 0), Some("payments.max_attempts"));
    assert_eq!(wrong(|s| s.connect_timeout_ms = 0), Some("payments.connect_timeout_ms"));
    assert_eq!(wrong(|s| s.attempt_timeout_ms = 0), Some("payments.attempt_timeout_ms"));
    assert_eq!(wrong(|s| s.timeout_ms = 3_600_001), Some("payments.timeout_ms"));
    for first_backoff_ms in [0, 60_001, u64::MAX] {
        let setting = Some("payments.first_backoff_ms");
        assert_eq!(wrong(|s| s.first_backoff_ms = first_backoff_ms), setting);
    }
}

#[test]
fn base_urls_are_checked() {
    for (url, is_right) in [
        ("https://api.example.com/v3", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080/v3/", true),
        ("ftp://example.com", false),
        ("example.com", false),
        ("", false),
        ("https://example.com/?key=1", false),
        ("https://example.com/#top", false),
        ("https://user:secret@example.com", false),
    ] {
        let setting = |name: &'static str| (!is_right).then_some(name);
        let yookassa = wrong(|s| s.yookassa.base_url = url.into());
        assert_eq!(yookassa, setting("payments.yookassa.base_url"), "{url}");
        let telegram = wrong(|s| s.telegram.base_url = url.into());
        assert_eq!(telegram, setting("payments.telegram.base_url"), "{url}");
    }
}

#[test]
fn settings_are_read_by_their_names() {
    let json = serde_json::json!({
        "yookassa": { "shop_id": "1", "secret_key": "k", "base_url": "http://x/v3", "receipts": true },
        "telegram": { "bot_token": "t", "base_url": "http://x", "webhook_secret": "s" },
    });
    let settings: PaymentsSettings = serde_json::from_value(json).unwrap();
    assert!(settings.yookassa.is_configured() && settings.yookassa.receipts);
    assert!(settings.telegram.is_configured());
    assert_eq!(settings.telegram.kopecks_per_star, 120);
    let unknown = serde_json::json!({ "yookassa": { "shop": "1" } });
    assert!(serde_json::from_value::<PaymentsSettings>(unknown).is_err());
}

#[test]
fn a_service_needs_all_its_secrets() {
    let is_configured = |method: PaymentMethod, settings: &PaymentsSettings| settings.is_configured(method);
    for method in PaymentMethod::ALL {
        assert!(!is_configured(method, &PaymentsSettings::default()));
        assert!(is_configured(method, &settings("http://localhost")));
    }
    let mut settings = settings("http://localhost");
    settings.telegram.webhook_secret = "".into();
    assert!(!is_configured(PaymentMethod::TelegramStars, &settings));
    assert!(is_configured(PaymentMethod::Yookassa, &settings));
}
