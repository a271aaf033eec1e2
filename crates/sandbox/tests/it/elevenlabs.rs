//! ElevenLabs.

use crate::{
    lab::{Got, Lab, Part, check, fetch},
    media::{mp3, wav},
};
use serde_json::{Value, json};

const SPEECH: &str = "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM";

async fn post(path: &str, body: &Value) -> Got {
    Lab::start().await.post("elevenlabs", path, body).await
}

#[tokio::test]
async fn speech() {
    let body =
        json!({"text": "x".repeat(50), "model_id": "eleven_flash_v2_5", "voice_settings": {"speed": 1.2}});
    let got = post(SPEECH, &body).await;
    assert_eq!((got.header("content-type"), got.header("character-cost")), (Some("audio/mpeg"), Some("50")));
    assert_eq!(mp3(&got.bytes), 2_520);
    let got = post(&format!("{SPEECH}?output_format=pcm_16000"), &body).await;
    assert_eq!((got.header("content-type"), got.bytes.len()), (Some("audio/mpeg"), 80_000));
    let got = post(&format!("{SPEECH}?output_format=opus_48000_128"), &body).await;
    assert!(got.bytes.starts_with(b"OggS"));
    let got = post(&format!("{SPEECH}?output_format=wav_22050"), &body).await;
    assert_eq!(wav(&got.bytes).0, 22_050);
}

#[tokio::test]
async fn music() {
    let got =
        post("/v1/music", &json!({"prompt": "waves", "music_length_ms": 30_000, "model_id": "music_v2"}))
            .await;
    assert_eq!(mp3(&got.bytes), 30_000);
    assert!(got.header("song-id").is_some());
    let section = |ms: u32| json!({"section_name": "verse", "duration_ms": ms, "lines": []});
    let plan = json!({"composition_plan": {"sections": [section(3_000), section(4_200)]}});
    assert_eq!(mp3(&post("/v1/music", &plan).await.bytes), 7_200);
}

#[tokio::test]
async fn requests_that_are_refused() {
    let speech = |changes: Value| {
        let mut body = json!({"text": "hello", "model_id": "eleven_multilingual_v2"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    };
    let speed = |speed: f64| speech(json!({"voice_settings": {"speed": speed}}));
    for (path, body, status, words) in [
        (SPEECH, speed(0.6), 422, "voice_settings"),
        (SPEECH, speed(1.3), 422, "less than or equal to 1.2"),
        (SPEECH, speech(json!({"text": null})), 422, "Field required"),
        (SPEECH, speech(json!({"text": "x".repeat(10_001)})), 400, "max_character_limit_exceeded"),
        (SPEECH, speech(json!({"model_id": "tts-1"})), 400, "tts-1"),
        (SPEECH, speech(json!({"language_code": "en"})), 422, "language_code"),
        ("/v1/text-to-speech/rachel", speech(json!({})), 400, "voice_not_found"),
        (
            "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM?output_format=mp3",
            speech(json!({})),
            422,
            "output format",
        ),
        ("/v1/music", json!({"prompt": "x", "music_length_ms": 2_999}), 422, "music_length_ms"),
        ("/v1/music", json!({"prompt": "x", "music_length_ms": 600_001}), 422, "600000"),
        ("/v1/music", json!({}), 422, "prompt"),
        ("/v1/music", json!({"prompt": "x", "composition_plan": {"sections": []}}), 422, "composition_plan"),
        ("/v1/speech-to-text", json!({"model_id": "scribe_v1"}), 422, "multipart"),
        ("/v1/nowhere", json!({}), 404, "Not Found"),
    ] {
        let got = post(path, &body).await;
        assert_eq!(got.status, status, "{path} {got:?}");
        assert!(!got.json()["detail"].is_null() && got.body.contains(words), "{path} {got:?}");
    }
    let lab = Lab::start().await;
    let url = lab.sandbox.base_url("elevenlabs").unwrap() + SPEECH;
    let got = fetch(lab.client.post(url).bearer_auth("key").body("{}")).await;
    assert_eq!(got.status, 401, "the key has a header of its own");
}

async fn transcribe(fields: &[(&str, &str)]) -> Got {
    let lab = Lab::start().await;
    let speech = json!({"text": "x".repeat(50)});
    let sound = lab.post("elevenlabs", &format!("{SPEECH}?output_format=wav_16000"), &speech).await.bytes;
    let mut parts: Vec<Part<'_>> = vec![("file", Some(("a.wav", "audio/wav")), &sound)];
    parts.extend(fields.iter().map(|(name, value)| (*name, None, value.as_bytes())));
    lab.form("elevenlabs", "/v1/speech-to-text", &parts).await
}

#[tokio::test]
async fn transcripts() {
    let json = transcribe(&[("model_id", "scribe_v1"), ("diarize", "true")]).await.json();
    let words = json["words"].as_array().unwrap();
    let joined: String = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
    assert_eq!(json["text"], joined);
    check(
        &json,
        &[
            ("/language_code", json!("eng")),
            ("/words/0/text", json!("I")),
            ("/words/0/type", json!("word")),
            ("/words/0/start", json!(0.0)),
            ("/words/0/speaker_id", json!("speaker_0")),
            ("/words/1/type", json!("spacing")),
            ("/words/1/text", json!(" ")),
            ("/words/10/speaker_id", json!("speaker_1")),
            ("/audio_duration_secs", json!(3.0)),
        ],
    );
    let json = transcribe(&[("model_id", "scribe_v2"), ("language_code", "rus")]).await.json();
    check(&json, &[("/words/0/speaker_id", json!(null)), ("/language_code", json!("rus"))]);
    let json = transcribe(&[("model_id", "scribe_v1"), ("timestamps_granularity", "none")]).await.json();
    check(&json, &[("/words", json!([]))]);
    for (fields, words) in [
        (&[][..], "model_id"),
        (&[("model_id", "whisper-1")], "whisper-1"),
        (&[("model_id", "scribe_v1"), ("num_speakers", "33")], "num_speakers"),
        (&[("model_id", "scribe_v1"), ("diarize", "maybe")], "diarize"),
    ] {
        let got = transcribe(fields).await;
        assert!(matches!(got.status, 400 | 422) && got.body.contains(words), "{got:?}");
    }
}
