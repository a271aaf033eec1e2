//! What the client refuses, and what it keeps to itself.

use crate::{
    conformance::{KEY, answering, call, client, quick},
    subject::{SUBJECTS, Subject},
};
use domain::{
    catalog::Category,
    port::{Provider, ProviderErrorKind},
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
    check("api key: ****4711 is wrong", "api key: [redacted] is wrong").await;
    check("a risk-free task", "a risk-free task").await;
    // Shortened after the key is out, so that no half of it stays.
    let long = format!("{}secret-4711", "ы".repeat(500));
    check(&long, "ы…").await;
}
