//! Messages go where they may, whatever a name resolves to.

use super::{Script, addresses::INSIDE};
use domain::port::WebhookSender;
use providers::{Network, WebhookClient, WebhookClientSettings, is_public};
use std::sync::{Arc, Mutex};

/// A client for which names resolve to `answers`, one after the other.
fn client(allow_private: bool, answers: &[&str]) -> WebhookClient {
    let answers = answers.iter().map(|ip| vec![ip.parse().unwrap()]);
    let resolver = Arc::new(Script(Mutex::new(answers.collect())));
    let settings = WebhookClientSettings { timeout_ms: 1_000, allow_private };
    WebhookClient::with_network(settings, Network { resolver, is_public }).unwrap()
}

#[tokio::test]
async fn a_name_that_leads_home_is_refused_when_it_is_connected_to() {
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
        let client = client(false, &[inside]);
        let url = "https://rebound.example.org/hook";
        assert_eq!(client.host(url).unwrap(), "rebound.example.org");
        let sent = client.send(url, &[], String::new()).await;
        assert_eq!(sent.unwrap_err(), "the host's address is not public", "{inside}");
    }
}

#[tokio::test]
async fn an_address_that_leads_home_is_refused_before() {
    for url in
        ["https://127.0.0.1/", "http://127.0.0.1/", "https://0x7f.1/", "https://[::1]/", "https://localhost/"]
    {
        assert!(client(false, &[]).host(url).is_err(), "{url}");
        assert!(client(false, &[]).send(url, &[], String::new()).await.is_err(), "{url}");
        assert!(client(true, &[]).host(url).is_ok(), "{url}");
    }
    // The same guard as for what is fetched.
    for url in INSIDE {
        assert!(client(false, &[]).host(url).is_err(), "{url}");
        assert!(client(false, &[]).send(url, &[], String::new()).await.is_err(), "{url}");
    }
    for scheme in ["http", "https"] {
        assert_eq!(client(false, &[]).host(&format!("{scheme}://example.org/hook")).unwrap(), "example.org");
    }
}
