//! What `neuralbox doctor` names, and what it does not.

use crate::installation::Installation;
use serde_json::Value;
use testkit::{Backend, TestDatabase};

testkit::on_each_database!(vendors_and_models_are_examined, a_shared_database_wants_a_shared_secret,);

/// What the doctor says of one thing.
fn about(found: &Value, about: &str) -> Vec<String> {
    let findings = found["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|finding| finding["about"] == about);
    findings.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}

async fn vendors_and_models_are_examined(database: TestDatabase) {
    let installation = Installation::new(database).with("NEURALBOX__PROVIDERS__OPENAI__API_KEY", "a-key");
    let found = installation.json(&["doctor", "--json"]);
    assert_eq!(found["healthy"], true, "{found:#}");
    assert!(about(&found, "provider anthropic")[0].contains("NEURALBOX__PROVIDERS__ANTHROPIC__API_KEY"));
    assert!(!about(&found, "provider openai").iter().any(|message| message.contains("has no key")));
    assert!(about(&found, "model dall-e-3")[0].contains("models.dall-e-3.upstream"), "{found:#}");
    assert_eq!(about(&found, "database"), Vec::<String>::new());
    assert!(about(&found, "model nano-banana-pro")[0].contains("no limit brings it under the price"));
    let music = &about(&found, "model elevenlabs-music")[0];
    assert!(music.contains("params.duration.max would have to be at most 78"), "{music}");
    assert_eq!(about(&found, "model whisper"), Vec::<String>::new());

    // Luma fetches what goes in by itself, which it can from an address that all can reach.
    let installation = installation.with("NEURALBOX__PROVIDERS__LUMA__API_KEY", "a-key");
    let luma = |found: &Value| about(found, "provider luma").join("; ");
    assert!(luma(&installation.json(&["doctor", "--json"])).contains("luma-ray2 with image_url"));
    let installation = installation.with("NEURALBOX__SERVER__PUBLIC_URL", "http://box.internal");
    assert!(luma(&installation.json(&["doctor", "--json"])).contains("server.public_url is private"));
    let installation = installation.with("NEURALBOX__SERVER__PUBLIC_URL", "https://example.org");
    assert_eq!(luma(&installation.json(&["doctor", "--json"])), "");

    let installation = installation.with("NEURALBOX__MODELS__WHISPER__MAX_AUDIO_S", "600");
    let found = installation.json(&["doctor", "--json"]);
    let whisper = &about(&found, "model whisper")[0];
    assert!(whisper.contains("60000 micro-dollars"), "{whisper}");
    assert!(whisper.contains("max_audio_s would have to be at most 360"), "{whisper}");

    let nowhere = installation.with("NEURALBOX__DATABASE__URL", "sqlite:///nowhere/at/all.db");
    let said = nowhere.run(&["doctor", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let found = said.json();
    assert_eq!((&found["healthy"], about(&found, "database").len()), (&Value::Bool(false), 1));
}

async fn a_shared_database_wants_a_shared_secret(database: TestDatabase) {
    let is_shared = database.url.starts_with("postgres");
    let installation = Installation::new(database);
    let secret =
        |installation: &Installation| about(&installation.json(&["doctor", "--json"]), "auth.secret");
    assert_eq!(secret(&installation).len(), usize::from(is_shared));
    let installation =
        installation.with("NEURALBOX__AUTH__SECRET", "a secret of the tests, which nobody needs");
    assert_eq!(secret(&installation), Vec::<String>::new());
}

async fn installation() -> Installation {
    Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap())
}

#[tokio::test]
async fn without_a_payment_service_nobody_can_buy() {
    let installation = installation().await;
    let found = installation.json(&["doctor", "--json"]);
    let finding = found["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == "payments");
    assert_eq!(finding.unwrap()["level"], "note", "{found:#}");
    assert_eq!(found["healthy"], true);
    assert!(installation.run(&["doctor"]).succeeded().stdout.contains("note     payments: "));
}

#[tokio::test]
async fn half_a_payment_service_is_named() {
    for (set, value, missing) in [
        ("TELEGRAM__BOT_TOKEN", "1:token", "payments.telegram.webhook_secret"),
        ("TELEGRAM__WEBHOOK_SECRET", "a-secret", "payments.telegram.bot_token"),
    ] {
        let installation = installation().await.with(&format!("NEURALBOX__PAYMENTS__{set}"), value);
        let found = installation.json(&["doctor", "--json"]);
        assert!(about(&found, missing)[0].contains("Stars are not taken"), "{found:#}");
        assert_eq!(about(&found, "payments").len(), 1, "{found:#}");
    }
    // Half a shop is no setting that anything starts with.
    let installation = installation().await.with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500");
    installation.run(&["doctor"]).failed("setting payments.yookassa.secret_key: and shop_id need each other");
}

#[tokio::test]
async fn services_that_cannot_reach_us_are_named() {
    let installation = installation()
        .await
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY", "test_key")
        .with("NEURALBOX__PAYMENTS__TELEGRAM__BOT_TOKEN", "1:token")
        .with("NEURALBOX__PAYMENTS__TELEGRAM__WEBHOOK_SECRET", "a-secret");
    let both = |installation: &Installation| {
        let found = installation.json(&["doctor", "--json"]);
        assert_eq!(about(&found, "payments"), Vec::<String>::new(), "{found:#}");
        [about(&found, "payments.yookassa"), about(&found, "payments.telegram")].map(|said| said.join("; "))
    };
    for said in both(&installation) {
        assert!(said.contains("while server.public_url is private"), "{said}");
    }
    // One on this machine reaches us wherever we are.
    let installation = installation.with("NEURALBOX__PAYMENTS__YOOKASSA__BASE_URL", "http://127.0.0.1:9/v3");
    let [yookassa, telegram] = both(&installation);
    assert_eq!((yookassa.as_str(), telegram.is_empty()), ("", false));
    let installation = installation.with("NEURALBOX__SERVER__PUBLIC_URL", "https://example.org");
    assert_eq!(both(&installation), ["", ""]);
}

#[tokio::test]
async fn what_costs_too_many_stars_is_named() {
    // Elite's 4,990 roubles are 10,000 Stars at 49.9 kopecks; Stars are whole, and so are kopecks.
    let at = async |kopecks_per_star: &str| {
        let installation = installation()
            .await
            .with("NEURALBOX__PAYMENTS__TELEGRAM__BOT_TOKEN", "1:token")
            .with("NEURALBOX__PAYMENTS__TELEGRAM__WEBHOOK_SECRET", "a-secret")
            .with("NEURALBOX__PAYMENTS__TELEGRAM__KOPECKS_PER_STAR", kopecks_per_star);
        about(&installation.json(&["doctor", "--json"]), "plan elite")
    };
    assert_eq!(at("120").await, Vec::<String>::new());
    assert_eq!(at("50").await, Vec::<String>::new());
    let said = at("49").await.join("; ");
    assert!(said.contains("10184 Stars") && said.contains("10000 at most"), "{said}");
}

#[tokio::test]
async fn folders_that_cannot_be_written_are_named() {
    // Below a file there is no folder, whoever asks.
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("folder");
    for (name, setting) in
        [("NEURALBOX__FILES__URL", "files.url"), ("NEURALBOX__SERVER__SCRATCH_DIR", "server.scratch_dir")]
    {
        let installation = installation().await.with(name, below.to_str().unwrap());
        let said = installation.run(&["doctor", "--json"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        let found = said.json();
        assert_eq!((about(&found, setting).len(), &found["healthy"]), (1, &Value::Bool(false)), "{found:#}");
    }
    // One that can be is left as it was.
    let folder = tempfile::tempdir().unwrap();
    let installation = installation().await.with("NEURALBOX__FILES__URL", folder.path().to_str().unwrap());
    assert_eq!(about(&installation.json(&["doctor", "--json"]), "files.url"), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_named() {
    let installation = installation()
        .await
        .with("NEURALBOX__FILES__URL", "s3://bucket/files")
        .with("NEURALBOX__FILES__S3__ENDPOINT", "http://127.0.0.1:9")
        .with("NEURALBOX__FILES__S3__ALLOW_HTTP", "true")
        .with("NEURALBOX__FILES__S3__ACCESS_KEY_ID", "an-id")
        .with("NEURALBOX__FILES__S3__SECRET_ACCESS_KEY", "planted-secret");
    let said = installation.run(&["doctor", "--json"]);
    assert_eq!((said.code, about(&said.json(), "files.url").len()), (Some(1), 1), "{said:?}");
    assert!(!format!("{said:?}").contains("planted-secret"), "{said:?}");
}
