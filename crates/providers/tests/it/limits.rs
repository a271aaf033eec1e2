//! What the client refuses, and what it keeps to itself.

use crate::{
    conformance::{KEY, answering, call, client, quick},
    subject::{SUBJECTS, Subject},
};
use domain::{
    catalog::Category,
    port::{Callback, Provider, ProviderErrorKind},
    time::Timestamp,
};
use providers::{Client, ClientError, ClientSettings, VendorSettings};
use std::collections::BTreeMap;
use wiremock::ResponseTemplate;

fn settings(api_key: &str, base_url: Option<&str>) -> BTreeMap<String, VendorSettings> {
    let base_url = base_url.map(str::to_owned);
    [(
        "openai".to_owned(),
        VendorSettings { api_key: Some(api_key.into()), base_url, ..VendorSettings::default() },
    )]
    .into()
}

#[test]
fn base_urls_are_checked() {
    let check = |url: &str, is_right: bool| {
        let client = Client::new(ClientSettings::default(), settings(KEY, Some(url)));
        assert_eq!(client.is_ok(), is_right, "{url}");
    };
    check("https://api.example.com/v1", true);
    check("http://127.0.0.1:8080", true);
    check("http://[::1]:8080/v1/", true);
    check("ftp://example.com", false);
    check("example.com", false);
    check("", false);
    check("https://", false);
    check("https://example.com/?key=1", false);
    check("https://example.com/#top", false);
    check("https://user:secret@example.com", false);
}

#[test]
fn keys_that_no_header_can_carry_are_refused_without_being_shown() {
    let error = Client::new(ClientSettings::default(), settings("secret\n4711", None)).err().unwrap();
    assert!(matches!(error, ClientError::Key { vendor: "openai" }));
    assert!(!error.to_string().contains("4711"));
}

/// What is set for callbacks must go with the vendor, and together.
#[test]
fn callbacks_are_set_where_they_are() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let client = |vendor: &str, callbacks: bool, secret: Option<&str>| {
        let webhook_secret = secret.map(Into::into);
        let settings = VendorSettings { callbacks, webhook_secret, ..VendorSettings::default() };
        Client::new(ClientSettings::default(), [(vendor.to_owned(), settings)].into())
    };
    let takes = |vendor: &str, callbacks: bool, secret: Option<&str>| {
        client(vendor, callbacks, secret).unwrap().takes_callbacks(vendor)
    };
    assert!(takes("replicate", true, Some(SECRET)));
    assert!(takes("luma", true, None) && takes("midjourney", true, None));
    assert!(!takes("replicate", false, Some(SECRET)) && !takes("luma", false, None));
    for (vendor, callbacks, secret) in [
        ("replicate", true, None),
        ("replicate", true, Some("")),
        ("replicate", false, Some("secret-4711")),
        ("luma", true, Some(SECRET)),
        ("openai", false, Some(SECRET)),
    ] {
        let error = client(vendor, callbacks, secret).err().unwrap();
        assert!(matches!(error, ClientError::WebhookSecret { .. }), "{vendor}: {error}");
        assert!(!error.to_string().contains("4711"));
    }
    for vendor in ["openai", "google", "elevenlabs"] {
        let error = client(vendor, true, None).err().unwrap();
        assert!(matches!(error, ClientError::NoCallbacks { .. }), "{vendor}: {error}");
    }
}

/// Where nothing is asked for, nothing that comes counts.
#[test]
fn callbacks_of_others_are_nothing() {
    let client = Client::new(ClientSettings::default(), BTreeMap::new()).unwrap();
    for vendor in ["replicate", "luma", "openai", "acme", ""] {
        assert!(!client.is_genuine(vendor, &Callback::default(), Timestamp::from_unix_ms(0)), "{vendor}");
    }
}

#[tokio::test]
async fn vendors_without_a_key_are_not_configured() {
    let empty = Client::new(ClientSettings::default(), settings("", None)).unwrap();
    let none = Client::new(ClientSettings::default(), BTreeMap::new()).unwrap();
    for subject in &SUBJECTS {
        for client in [&empty, &none] {
            assert!(client.serves(subject.vendor, Category::Text));
            assert!(!client.is_configured(subject.vendor));
            let error = call(client, subject, false).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::NotConfigured);
        }
    }
}

#[tokio::test]
async fn unknown_vendors_are_not_served() {
    let vendor = VendorSettings { api_key: Some(KEY.into()), base_url: None, ..VendorSettings::default() };
    let client = Client::new(ClientSettings::default(), [("acme".to_owned(), vendor)].into()).unwrap();
    assert!(!client.serves("acme", Category::Text) && !client.is_configured("acme"));
    assert!(!client.serves("anthropic", Category::Image) && !client.serves("luma", Category::Text));
    let mut call = Subject::named("openai").call(false);
    call.vendor = "acme".to_owned();
    let error = client.call(&call, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::NotConfigured);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for subject in &SUBJECTS {
        let server = answering(ResponseTemplate::new(307).insert_header("location", "/elsewhere")).await;
        let error = call(&client(subject, &server.uri(), quick()), subject, false).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::BadResponse);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn keys_do_not_get_into_messages() {
    let check = async |said: &str, kept: &str| {
        for subject in &SUBJECTS {
            let body = serde_json::json!({ "error": { "message": said } }).to_string();
            for (status, content_type) in [(401, "application/json"), (200, "application/json")] {
                let template = ResponseTemplate::new(status).set_body_raw(body.clone(), content_type);
                let server = answering(template).await;
                let settings = ClientSettings { max_attempts: 1, ..quick() };
                let error =
                    call(&client(subject, &server.uri(), settings), subject, false).await.unwrap_err();
                let is_read = error.message.ends_with(kept) || subject.vendor == "anthropic" && status == 200;
                assert!(is_read, "{}: {}", subject.name, error.message);
                assert!(!error.message.contains("4711"), "{}", error.message);
            }
        }
    };
    check("wrong key: secret-4711.", "wrong key: [redacted].").await;
    check("wrong key `sk-proj-4711`, sorry", "wrong key `[redacted]`, sorry").await;
    check("wrong key:xai-4711", "wrong key:[redacted]").await;
    check("key=AIzaSy4711&x=1", "key=[redacted]&x=1").await;
    check("wrong key sk_4711", "wrong key [redacted]").await;
    check("wrong token r8_4711 and luma-4711", "wrong token [redacted] and [redacted]").await;
    check("secret:whsec_4711=", "secret:[redacted]=").await;
    check("api key: ****4711 is wrong", "api key: [redacted] is wrong").await;
    check("a risk-free task", "a risk-free task").await;
    // Shortened after the key is out, so that no half of it stays.
    let long = format!("{}secret-4711", "ы".repeat(500));
    check(&long, "ы…").await;
}
