//! Secrets go in and do not come out.

mod dump;
mod everywhere;

use crate::installation::Installation;
use reqwest::Method;
use serde_json::json;
use testkit::{Backend, TestDatabase};

testkit::on_each_database!(secrets_are_never_printed);

const VENDOR_KEY: &str = "planted-vendor-key-0123456789";
const PASSWORD: &str = "planted-password-0123456789";

/// An address on which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

async fn secrets_are_never_printed(mut database: TestDatabase) {
    // The test server trusts everybody, so any password will do.
    database.url = database.url.replacen("neuralbox@", &format!("neuralbox:{PASSWORD}@"), 1);
    let installation = Installation::new(database)
        .with("NEURALBOX__LOG__FILTER", "debug")
        .with("NEURALBOX__PROVIDERS__OPENAI__API_KEY", VENDOR_KEY)
        .with("NEURALBOX__PROVIDERS__OPENAI__BASE_URL", NOBODY)
        .with("NEURALBOX__CLIENT__FIRST_BACKOFF_MS", "1")
        .with("NEURALBOX__CLIENT__MAX_BACKOFF_MS", "1");
    let (_, key) = installation.account("anna@example.org", 0);
    let mut heard = String::new();
    for command in [
        "migrate",
        "doctor",
        "doctor --json",
        "ledger verify",
        "worker --once",
        "key list --email anna@example.org",
    ] {
        let said = installation.run(&command.split_whitespace().collect::<Vec<_>>()).succeeded();
        heard.push_str(&said.stdout);
        heard.push_str(&said.stderr);
    }
    // The key is shown once, on standard output; logs do not repeat it.
    heard.push_str(&installation.run(&["key", "create", "--email", "anna@example.org"]).succeeded().stderr);

    let server = installation.serve(&[]);
    let body = json!({ "model": "gpt-5", "prompt": "hello" });
    for path in ["/generate", "/generate/stream"] {
        heard.push_str(&server.ask(Method::POST, path, &key, Some(&body)).await.body);
    }
    heard.push_str(&server.ask(Method::GET, "/balance", &key, None).await.body);
    server.ask(Method::GET, "/balance", &format!("{key}x"), None).await.expect(401);
    server.terminate();
    let (code, said) = server.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("answered"), "{said}");
    heard.push_str(&said);
    for secret in [VENDOR_KEY, PASSWORD, key.as_str()] {
        assert!(!heard.contains(secret), "{secret} in {heard}");
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    for (name, value) in [
        ("NEURALBOX__PROVIDERS__OPENAI__API_KEY", format!("{VENDOR_KEY}\nand more")),
        ("NEURALBOX__PROVIDERS__OPENAI__KEY", VENDOR_KEY.to_owned()),
        ("NEURALBOX__PROVIDERS__OPENAI", VENDOR_KEY.to_owned()),
        ("NEURALBOX__PROVIDERS__OPENAI__BASE_URL", format!("https://user:{VENDOR_KEY}@example.org")),
        ("NEURALBOX__DATABASE__URL", format!("mysql://user:{VENDOR_KEY}@example.org/db")),
        ("NEURALBOX__DATABASE__URL", format!("postgres://user:{VENDOR_KEY}@127.0.0.1:9/db")),
        ("NEURALBOX__DATABASE__URL", format!("postgres://user:{VENDOR_KEY}@127.0.0.1:port/db")),
        ("NEURALBOX__DATABASE__MAX_CONNECTIONS", VENDOR_KEY.to_owned()),
    ] {
        let database = testkit::empty_database(Backend::Sqlite).await.unwrap();
        let installation = Installation::new(database)
            .with("NEURALBOX__DATABASE__ACQUIRE_TIMEOUT_MS", "200")
            .with(name, &value);
        let said = installation.run(&["serve"]);
        assert_eq!(said.code, Some(1), "{name}: {said:?}");
        assert!(!format!("{said:?}").contains(VENDOR_KEY), "{name}: {said:?}");
    }
}
