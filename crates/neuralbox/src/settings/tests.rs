//! Settings as they are read, and refused.

use super::*;

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("neuralbox.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::read(Some(&path), environment.collect())
}

#[test]
fn the_environment_stands_over_the_file_over_defaults() {
    let file = "[server]\nbind = \"127.0.0.1:1\"\nshutdown_grace_ms = 7\n";
    let settings = read(file, &[("NEURALBOX__SERVER__BIND", "127.0.0.1:2")]).unwrap();
    assert_eq!(settings.server.bind.port(), 2);
    assert_eq!(settings.server.shutdown_grace_ms, 7);
    assert_eq!(settings.client.max_attempts, 3);
}

#[test]
fn a_bad_setting_is_named() {
    let check = |file: &str, environment: &[(&str, &str)], setting: &str| {
        let error = read(file, environment).expect_err(setting);
        assert_eq!(error.setting, setting, "{error}");
    };
    check("[server]\nbnid = 1\n", &[], "server.bnid");
    check("[srever]\nbind = 1\n", &[], "srever");
    check("[server]\nbind = \"here\"\n", &[], "server.bind");
    check("", &[("NEURALBOX__SERVER__PORT", "80")], "server.port");
    check("", &[("NEURALBOX__DATABASE__MAX_CONNECTIONS", "many")], "database.max_connections");
    check("", &[("NEURALBOX__DATABASE__MAX_CONNECTIONS", "0")], "database.max_connections");
    check("", &[("NEURALBOX__PROVIDERS__OPENAI__KEY", "x")], "providers.openai.key");
    check("", &[("NEURALBOX__PROVIDERS__LUMA__MAX_CONCURRENCY", "all")], "providers.luma.max_concurrency");
    check("[providers.luma]\ndaily_spend_micro_usd = -1\n", &[], "providers.luma.daily_spend_micro_usd");
    check("[generation]\njobs_at_once = 0\n", &[], "generation.jobs_at_once");
    check("[client]\nbreaker_open_ms = 3_600_001\n", &[], "client.breaker_open_ms");
    check("", &[("NEURALBOX__SERVER__PUBLIC_URL", "ftp://x")], "server.public_url");
    check("", &[("NEURALBOX__LOG__FORMAT", "xml")], "log.format");
    check("[worker]\nbind = \"everywhere\"\n", &[], "worker.bind");
    for url in
        ["collector:4318", "grpc://collector:4317", "http://", "http://me:word@host", "http://host/?a=b"]
    {
        check("", &[("NEURALBOX__LOG__OTLP_URL", url)], "log.otlp_url");
    }
    check("", &[("NEURALBOX__AUTH__SECRET", "too short")], "auth.secret");
    check("[server]\ntrusted_proxies = \"10.0.0.0/40\"\n", &[], "server.trusted_proxies");
    check("[server]\ncors_origins = \"*\"\n", &[], "server.cors_origins");
    check("[server]\nbind = \"127.0.0.1:1\n", &[], "--config");
}

#[test]
fn numbers_have_their_ranges() {
    let check = |setting: &str, value: &str| {
        let name = format!("{PREFIX}{SEPARATOR}{}", setting.to_uppercase().replace('.', SEPARATOR));
        let error = read("", &[(&name, value)]).expect_err(setting);
        assert_eq!(error.setting, setting, "{value}: {error}");
    };
    for (setting, too_little, too_much) in [
        ("client.connect_timeout_ms", "0", "3600001"),
        ("client.poll_timeout_ms", "999", "600001"),
        ("client.max_response_bytes", "1023", "268435457"),
        ("client.max_result_bytes", "1023", "4294967297"),
        ("fetch.total_timeout_ms", "0", "3600001"),
        ("fetch.max_redirects", "-1", "21"),
        ("server.shutdown_grace_ms", "-1", "3600001"),
        ("generation.answer_timeout_ms.text", "999", "3600001"),
        ("generation.answer_timeout_ms.music", "999", "3600001"),
        ("generation.job_timeout_ms", "999", "3600001"),
        ("webhooks.timeout_ms", "99", "30001"),
        ("webhooks.endpoints_per_account", "-1", "1001"),
        ("webhooks.sent_at_once", "0", "1001"),
        ("webhooks.sent_at_once_per_host", "0", "1001"),
        ("auth.session_days", "0", "367"),
        ("auth.max_attempts", "0", "10001"),
        ("auth.password_memory_kib", "7", "1048577"),
        ("auth.password_passes", "0", "101"),
        ("auth.passwords_at_once", "0", "65"),
        ("limits.public_per_minute", "0", "1000001"),
        ("limits.sign_in_per_minute", "0", "1000001"),
        ("limits.max_connections", "0", "1000001"),
        ("limits.head_timeout_ms", "999", "600001"),
        ("limits.max_headers", "15", "1001"),
        ("limits.max_head_bytes", "4095", "1048577"),
        ("limits.max_body_bytes", "65535", "268435457"),
        ("limits.body_timeout_ms", "999", "600001"),
        ("limits.upload_timeout_ms", "999", "3600001"),
        ("limits.streams_per_account", "0", "10001"),
    ] {
        check(setting, too_little);
        check(setting, too_much);
    }
    for category in ["image", "video", "tts", "stt", "tool"] {
        check(&format!("generation.answer_timeout_ms.{category}"), "0");
    }
    check("generation.answer_timeout_ms.speech", "1000");
}

#[test]
fn models_are_changed_one_by_one() {
    let catalog = |file: &str| catalog(&read(file, &[]).unwrap());
    let wrong = |file: &str, setting: &str| {
        let error = catalog(file).map(|_| ()).expect_err(setting);
        assert_eq!(error.setting, setting, "{error}");
    };
    let changed = catalog(
        "[models.luma-ray2]\ntimeout_ms = 5_000\njob_timeout_ms = 60_000\n\
         [models.elevenlabs-v2]\nvoices = [\"Anna\", \"Boris\"]\n",
    );
    let changed = changed.unwrap();
    let ray2 = changed.model("luma-ray2").unwrap();
    assert_eq!((ray2.timeout_ms, ray2.job_timeout_ms), (Some(5_000), Some(60_000)));
    let voices = serde_json::json!({ "text": "hi", "voice_id": "Boris" });
    let purpose = domain::catalog::Purpose::Generate;
    let read = |slug: &str| changed.model(slug).unwrap().read_params(voices.as_object().unwrap(), purpose);
    assert_eq!(read("elevenlabs-v2").unwrap().text("voice_id"), Some("Boris"));
    assert_eq!(read("elevenlabs-flash").unwrap_err()[0].field, "voice_id");
    wrong("[models.gpt-5]\ntimeout_ms = 999\n", "models.gpt-5.timeout_ms");
    wrong("[models.luma-ray2]\njob_timeout_ms = 3_600_001\n", "models.luma-ray2.job_timeout_ms");
    wrong("[models.gpt-5]\njob_timeout_ms = 60_000\n", "models.gpt-5.job_timeout_ms");
    wrong("[models.gpt-5]\nvoices = [\"Anna\"]\n", "models.gpt-5.voices");
    wrong("[models.openai-tts]\nvoices = []\n", "models.openai-tts.voices");
    wrong("[models.openai-tts]\nvoices = [\" \"]\n", "models.openai-tts.voices");
}

#[test]
fn secrets_do_not_show() {
    let planted = "planted-secret-0123456789-0123456789";
    let environment =
        ["PROVIDERS__OPENAI__API_KEY", "DATABASE__URL", "AUTH__SECRET", "AUTH__TELEGRAM_BOT_TOKEN"];
    let environment = environment.map(|name| format!("{PREFIX}{SEPARATOR}{name}"));
    let environment = environment.each_ref().map(|name| (name.as_str(), planted));
    let settings = read("", &environment).unwrap();
    assert!(!format!("{settings:?}").contains(planted));
    let broken = format!("[providers.openai]\napi_key = \"{planted}\n");
    let error = read(&broken, &[]).unwrap_err();
    assert!(!error.to_string().contains(planted), "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
}
