//! Settings that cannot be used stop the start, and are named.

use crate::installation::{Installation, Said};
use testkit::Backend;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn installation() -> Installation {
    Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap())
}

async fn start_with(name: &str, value: &str) -> Said {
    installation().await.with(name, value).run(&["serve", "--sandbox"])
}

#[tokio::test]
async fn a_bad_setting_stops_the_start_and_is_named() {
    for (name, value, setting) in [
        ("NEURALBOX__SERVER__PORT", "80", "server.port"),
        ("NEURALBOX__SERVRE__BIND", "127.0.0.1:0", "servre"),
        ("NEURALBOX__SERVER__BIND", "everywhere", "server.bind"),
        ("NEURALBOX__SERVER__BIND", "192.0.2.1:80", "server.bind"),
        ("NEURALBOX__SANDBOX__BIND", "192.0.2.1:80", "sandbox.bind"),
        ("NEURALBOX__DATABASE__URL", "mysql://example.org/db", "database.url"),
        ("NEURALBOX__LOG__FILTER", "loud=[", "log.filter"),
        ("NEURALBOX__MODELS__GPT_6__UPSTREAM", "gpt-6", "models.gpt_6"),
        ("NEURALBOX__MODELS__GPT_5__MAX_OUTPUT_TOKENS", "0", "models.gpt_5.max_output_tokens"),
        ("NEURALBOX__PROVIDERS__ACME__API_KEY", "a-key", "providers.acme"),
        ("NEURALBOX__CATALOG__MODELS", "/nowhere/models.toml", "catalog.models"),
        ("NEURALBOX__PROVIDERS__REPLICATE__CALLBACKS", "true", "providers.replicate.webhook_secret"),
        ("NEURALBOX__PROVIDERS__REPLICATE__WEBHOOK_SECRET", "whsec_", "providers.replicate.webhook_secret"),
        ("NEURALBOX__PROVIDERS__LUMA__WEBHOOK_SECRET", SECRET, "providers.luma.webhook_secret"),
        ("NEURALBOX__PROVIDERS__OPENAI__CALLBACKS", "true", "providers.openai.callbacks"),
        ("NEURALBOX__GENERATION__ANSWER_TIMEOUT_MS__TTS", "1", "generation.answer_timeout_ms.tts"),
    ] {
        start_with(name, value).await.failed(setting);
    }
    let said =
        installation().await.with("NEURALBOX__PROVIDERS__OPENAI__BASE_URL", "ftp://x").run(&["doctor"]);
    said.failed("providers");
}

#[tokio::test]
async fn a_file_of_settings_stands_under_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("neuralbox.toml");
    let with_file = async |text: &str| {
        std::fs::write(&path, text).unwrap();
        installation().await.run(&["--config", path.to_str().unwrap(), "migrate"])
    };
    with_file("[server]\nbind = \"127.0.0.1:1\"\n[database]\nurl = \"mysql://never/used\"\n")
        .await
        .succeeded();
    with_file("[server]\nbnid = \"127.0.0.1:1\"\n").await.failed("server.bnid");
    with_file("[server\n").await.failed("--config");
    installation()
        .await
        .run(&["migrate", "--config", "/nowhere/neuralbox.toml"])
        .failed("/nowhere/neuralbox.toml");
}

#[tokio::test]
async fn a_mistake_in_an_operators_catalog_is_named_by_row_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plans.toml");
    let plans = include_str!("../../../domain/catalog/plans.toml").replacen("price = 890", "price = -890", 1);
    std::fs::write(&path, plans).unwrap();
    let said = start_with("NEURALBOX__CATALOG__PLANS", path.to_str().unwrap()).await.failed("basic");
    assert!(said.stderr.contains("price"), "{said:?}");
}
