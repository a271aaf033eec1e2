//! Speech and transcripts in OpenAI's shape.

use super::{post, recorded, refused, with, wrong_field};
use crate::media::TONE;
use serde_json::{Value, json};
use testkit::{Part, Reply, Service, TestDatabase, file, text};

testkit::on_each_database!(
    speech_is_the_answer,
    transcripts_are_written,
    what_is_not_supported_is_refused_by_name
);

async fn speak(service: &Service, key: &str, body: &Value) -> Reply {
    post(service, "/v1/audio/speech", key, body).await
}

async fn transcribe(service: &Service, key: &str, parts: &[Part<'_>]) -> Reply {
    service.post_form_to("/v1/audio/transcriptions", key, parts).await
}

fn hello(model: &str) -> Value {
    json!({ "model": model, "input": "Hello there." })
}

async fn speech_is_the_answer(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (model, more, content_type) in [
        ("openai-tts", json!({ "voice": "nova" }), "audio/mpeg"),
        ("openai-tts", json!({ "voice": "alloy", "response_format": "wav", "speed": 1.5 }), "audio/wav"),
        ("gpt-4o-mini-tts", json!({ "response_format": "opus", "stream_format": "audio" }), "audio/ogg"),
        ("elevenlabs-flash", json!({}), "audio/mpeg"),
        ("minimax-tts", json!({ "response_format": "mp3" }), "audio/mpeg"),
    ] {
        let account = service.account_with(18).await;
        let reply = speak(&service, &account.key, &with(hello(model), &more)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(content_type)), "{reply:?}");
        assert_eq!(reply.header("content-length"), Some(reply.bytes.len().to_string().as_str()));
        let record = recorded(&service, &account.key, &reply).await;
        assert_eq!((&record["status"], &record["model_slug"]), (&json!("completed"), &json!(model)));
        let file = service.fetch(record["result_url"].as_str().unwrap()).await;
        assert_eq!(file.bytes, reply.bytes, "{model}");
        let spent = record["tokens_spent"].as_i64().unwrap();
        assert_eq!(service.balance(&account.key).await, 18 - spent);
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn transcripts_are_written(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for model in ["whisper", "gpt-4o-transcribe", "elevenlabs-scribe"] {
        let speech = file("file", "speech.wav", TONE);
        let reply = transcribe(&service, &account.key, &[text("model", model), speech.clone()]).await;
        let answer = reply.expect(200);
        let record = recorded(&service, &account.key, &reply).await;
        assert_eq!(answer, json!({ "text": record["result_text"] }));
        assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()));
        let parts = [speech, text("response_format", "text"), text("language", "en"), text("model", model)];
        let plain = transcribe(&service, &account.key, &parts).await;
        assert_eq!((plain.status, plain.header("content-type")), (200, Some("text/plain; charset=utf-8")));
        assert_eq!(json!(plain.body), answer["text"]);
    }
    assert_eq!(service.balance(&account.key).await, 1_500 - 6 * 2);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn what_is_not_supported_is_refused_by_name(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    for (model, more, field) in [
        ("openai-tts", json!({ "input": null }), "input"),
        ("openai-tts", json!({ "input": "x".repeat(4_097) }), "input"),
        ("openai-tts", json!({ "voice": "nobody" }), "voice"),
        ("openai-tts", json!({ "response_format": "aac" }), "response_format"),
        ("minimax-tts", json!({ "response_format": "opus" }), "response_format"),
        ("openai-tts", json!({ "speed": 4 }), "speed"),
        ("openai-tts", json!({ "instructions": "Whisper." }), "instructions"),
        ("openai-tts", json!({ "stream_format": "sse" }), "stream_format"),
        ("whisper", json!({}), "model"),
    ] {
        wrong_field(&speak(&service, key, &with(hello(model), &more)).await, field);
    }
    refused(&speak(&service, key, &hello("tts-9")).await, 404, "model_not_found");
    let speech = || file("file", "speech.wav", TONE);
    for (parts, field) in [
        (vec![speech()], "model"),
        (vec![text("model", "whisper")], "file"),
        (vec![text("model", "openai-tts"), speech()], "model"),
        (vec![text("model", "whisper"), text("response_format", "srt"), speech()], "response_format"),
        (vec![text("model", "whisper"), speech(), text("response_format", "vtt")], "response_format"),
        (vec![text("model", "whisper"), text("temperature", "0.2"), speech()], "temperature"),
        (
            vec![text("model", "whisper"), text("timestamp_granularities[]", "word"), speech()],
            "timestamp_granularities[]",
        ),
        (vec![text("model", "whisper"), file("file", "speech.wav", b"nonsense")], "file"),
    ] {
        wrong_field(&transcribe(&service, key, &parts).await, field);
    }
    let unknown = transcribe(&service, key, &[text("model", "whisper-9"), speech()]).await;
    refused(&unknown, 404, "model_not_found");
    assert_eq!((service.calls().await, service.balance(key).await), (0, 1_500));
    refused(
        &speak(&service, key, &with(hello("openai-tts"), &json!({ "input": "[[fault:500]]" }))).await,
        500,
        "provider_error",
    );
    assert_eq!(service.balance(key).await, 1_500);
}
