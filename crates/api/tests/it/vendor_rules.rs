//! Values that the vendor would refuse are the client's to mend: they are named, and nothing is held or asked.

use crate::{
    media::{TONE, picture},
    wrong_fields,
};
use image::ImageFormat;
use serde_json::json;
use testkit::{Account, Service, TestDatabase, file, text};

testkit::on_each_database!(
    unknown_voices_are_named,
    what_only_the_vendor_counts_is_counted,
    languages_and_kinds_of_files_are_checked,
);

async fn start(database: &TestDatabase) -> (Service, Account) {
    let service = Service::start(database).await;
    let account = service.account_with(100).await;
    (service, account)
}

async fn nothing_happened(service: &Service, account: &Account) {
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 100));
}

async fn unknown_voices_are_named(database: TestDatabase) {
    let (service, account) = start(&database).await;
    for (model, voice) in [
        ("minimax-tts", "Nobody"),
        ("openai-tts", "marin"),
        ("openai-tts-hd", "verse"),
        ("gpt-4o-mini-tts", "Wise_Woman"),
        ("elevenlabs-flash", "JBFqnCBsd6RMkjVDRZzB"),
        ("elevenlabs-v2", "../user"),
    ] {
        let body = json!({ "model": model, "text": "Hello.", "voice_id": voice });
        let allowed = wrong_fields(&service.post("/generate", &account.key, &body).await, &["voice_id"]);
        // What is allowed is what the model shows.
        let shown = service.get(&format!("/models/{model}"), "").await.expect(200).clone();
        let shown = &shown["config"]["parameters"]["voice_id"];
        assert_eq!(shown["allowed"], allowed[0], "{model}");
        assert!(allowed[0].as_array().is_some_and(|voices| voices.contains(&shown["default"])), "{model}");
        let quote = json!({ "params": { "voice_id": voice } });
        let quoted = service.post(&format!("/models/{model}/calculate-price"), "", &quote).await;
        wrong_fields(&quoted, &["voice_id"]);
    }
    nothing_happened(&service, &account).await;
}

async fn what_only_the_vendor_counts_is_counted(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let body = |text: String| json!({ "model": "minimax-tts", "text": text });
    let reply = service.post("/generate", &account.key, &body("中".repeat(151))).await;
    wrong_fields(&reply, &["text"]);
    nothing_happened(&service, &account).await;
    service.post("/generate", &account.key, &body("中".repeat(150))).await.expect(200);
}

async fn languages_and_kinds_of_files_are_checked(database: TestDatabase) {
    let (service, account) = start(&database).await;
    for (model, language) in [("whisper", "1x"), ("gpt-4o-transcribe", "EN"), ("elevenlabs-scribe", "e")] {
        let parts = [file("audio", "speech.wav", TONE), text("model", model), text("language", language)];
        wrong_fields(&service.post_form("/stt", &account.key, &parts).await, &["language"]);
    }
    let gif = picture(8, 8, ImageFormat::Gif);
    let uploaded =
        service.post_form("/files", &account.key, &[file("file", "a.gif", &gif)]).await.expect(201).clone();
    let body = json!({ "model": "gpt-image-1.5", "prompt": "A cat.", "image_url": uploaded["url"] });
    let allowed = wrong_fields(&service.post("/generate", &account.key, &body).await, &["image_url"]);
    assert_eq!(allowed, [json!(["image/png", "image/jpeg", "image/webp"])]);
    nothing_happened(&service, &account).await;
}
