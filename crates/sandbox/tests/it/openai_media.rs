//! OpenAI: pictures, speech and transcriptions.

use crate::{
    lab::{Got, Lab, Part, check},
    media::{mp3, picture, wav},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};

async fn generate(body: Value) -> (Lab, Got) {
    let lab = Lab::start().await;
    let got = lab.post("openai", "/images/generations", &body).await;
    (lab, got)
}

fn decoded(json: &Value) -> Vec<u8> {
    STANDARD.decode(json.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn dall_e_3_gives_a_url() {
    let body = json!({"model": "dall-e-3", "prompt": "a boat", "size": "1792x1024", "quality": "hd"});
    let (lab, got) = generate(body).await;
    let json = got.json();
    check(
        &json,
        &[("/data/0/revised_prompt", json!("A picture of: a boat")), ("/created", json!(1_795_305_600))],
    );
    let result = lab.result(&json["data"][0]["url"]).await;
    assert_eq!(result.header("content-type"), Some("image/png"));
    assert_eq!(picture(&result.bytes), (ImageFormat::Png, 1792, 1024));
    assert!(got.header("x-request-id").is_some());
}

#[tokio::test]
async fn dall_e_3_gives_base64_when_asked() {
    let body = json!({"model": "dall-e-3", "prompt": "a boat", "response_format": "b64_json"});
    let json = generate(body).await.1.json();
    assert_eq!(picture(&decoded(&json["data"][0]["b64_json"])), (ImageFormat::Png, 1024, 1024));
    assert!(json.get("usage").is_none());
}

#[tokio::test]
async fn gpt_image_gives_base64_in_every_format() {
    for (format, expected, size, pixels) in [
        ("png", ImageFormat::Png, "1024x1024", (1024, 1024)),
        ("jpeg", ImageFormat::Jpeg, "1536x1024", (1536, 1024)),
        ("webp", ImageFormat::WebP, "1024x1536", (1024, 1536)),
    ] {
        let body = json!({
            "model": "gpt-image-1.5", "prompt": "two boats", "size": size, "quality": "low", "output_format": format,
        });
        let json = generate(body).await.1.json();
        check(
            &json,
            &[("/output_format", json!(format)), ("/size", json!(size)), ("/quality", json!("low"))],
        );
        let output = if size == "1024x1024" { 272 } else { 408 };
        check(&json, &[("/usage/input_tokens", json!(2)), ("/usage/output_tokens", json!(output))]);
        let found = picture(&decoded(&json["data"][0]["b64_json"]));
        assert_eq!(found, (expected, pixels.0, pixels.1));
    }
}

#[tokio::test]
async fn the_same_prompt_gives_the_same_picture_and_several_differ() {
    let body = json!({"model": "gpt-image-1.5", "prompt": "three boats", "n": 2});
    let (lab, got) = generate(body.clone()).await;
    let again = lab.post("openai", "/images/generations", &body).await;
    assert_eq!(got.json()["data"], again.json()["data"]);
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 2);
    assert_ne!(got.json()["data"][0], got.json()["data"][1]);
}

#[tokio::test]
async fn pictures_that_are_refused() {
    for (changes, words) in [
        (json!({"model": "dall-e-3", "size": "512x512"}), "Supported values are: '1024x1024'"),
        (json!({"model": "dall-e-3", "quality": "low"}), "'standard', 'hd'"),
        (json!({"model": "dall-e-3", "n": 2}), "integer_above_max_value"),
        (json!({"model": "dall-e-3", "style": "sketch"}), "vivid"),
        (json!({"model": "dall-e-3", "output_format": "png"}), "unknown_parameter"),
        (json!({"model": "dall-e-3", "prompt": "x".repeat(4_001)}), "string_above_max_length"),
        (json!({"size": "1792x1024"}), "1536x1024"),
        (json!({"quality": "hd"}), "'auto', 'low', 'medium', 'high'"),
        (json!({"response_format": "b64_json"}), "Unknown parameter: 'response_format'"),
        (json!({"n": 11}), "<= 10"),
        (json!({"output_format": "gif"}), "webp"),
        (json!({"background": "transparent", "output_format": "jpeg"}), "Transparent"),
        (json!({"prompt": ""}), "prompt"),
        (json!({"model": "gpt-image-9"}), "model_not_found"),
        (json!({"stream": true}), "stream"),
    ] {
        let mut body = json!({"model": "gpt-image-1.5", "prompt": "a boat"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let got = generate(body).await.1;
        assert!(matches!(got.status, 400 | 404), "{changes}: {got:?}");
        assert!(got.body.contains(words), "{changes}: {got:?}");
    }
}

#[tokio::test]
async fn edits_take_pictures_in_a_form() {
    let lab = Lab::start().await;
    let body = json!({"model": "gpt-image-1.5", "prompt": "a boat"});
    let json = lab.post("openai", "/images/generations", &body).await.json();
    let png = decoded(&json["data"][0]["b64_json"]);
    let text = |name: &'static str, value: &'static str| -> Part<'static> { (name, None, value.as_bytes()) };
    let (model, prompt) = (text("model", "gpt-image-1.5"), text("prompt", "a red boat"));

    let one: Part<'_> = ("image", Some(("a.png", "image/png")), &png);
    let got = lab
        .form("openai", "/images/edits", &[one, model, prompt, text("n", "1"), text("size", "1536x1024")])
        .await;
    check(&got.json(), &[("/usage/input_tokens_details/image_tokens", json!(323))]);
    assert_eq!(picture(&decoded(&got.json()["data"][0]["b64_json"])), (ImageFormat::Png, 1536, 1024));

    let many: Part<'_> = ("image[]", Some(("a.png", "image/png")), &png);
    let got = lab.form("openai", "/images/edits", &[model, prompt, many, many]).await;
    check(&got.json(), &[("/usage/input_tokens_details/image_tokens", json!(646))]);

    for (parts, words) in [
        (vec![model, prompt], "Missing required parameter: 'image'"),
        (vec![model, one], "prompt"),
        (vec![model, prompt, ("image", Some(("a.png", "application/octet-stream")), &*png)], "mimetype"),
        (vec![model, prompt, ("image", Some(("a.png", "image/png")), b"GIF89a")], "mimetype"),
        (vec![text("model", "dall-e-3"), prompt, one], "gpt-image-1.5"),
        (vec![model, prompt, one, text("n", "many")], "invalid_type"),
    ] {
        let got = lab.form("openai", "/images/edits", &parts).await;
        assert_eq!((got.status, got.body.contains(words)), (400, true), "{words}: {got:?}");
    }
    let by_url = json!({
        "model": "gpt-image-1.5", "prompt": "a boat", "images": [{"image_url": "https://images.example/a.png"}],
    });
    assert_eq!(lab.post("openai", "/images/edits", &by_url).await.status, 200);
}

async fn say(changes: Value) -> Got {
    let mut body =
        json!({"model": "tts-1", "voice": "alloy", "input": "x".repeat(50), "response_format": "wav"});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Lab::start().await.post("openai", "/audio/speech", &body).await
}

#[tokio::test]
async fn speech_is_sound_of_the_right_type_and_length() {
    let got = say(json!({})).await;
    assert_eq!(got.header("content-type"), Some("audio/wav"));
    assert_eq!(wav(&got.bytes), (24_000, 3_000));
    assert_eq!(wav(&say(json!({"speed": 2})).await.bytes), (24_000, 1_500));
    assert_eq!(say(json!({"response_format": "pcm"})).await.bytes.len(), 3 * 24_000 * 2);
    assert_eq!(mp3(&say(json!({"response_format": "mp3"})).await.bytes), 3_000);
    for (format, kind, start) in [
        ("mp3", "audio/mpeg", &b"\xff\xfb"[..]),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1"),
        ("flac", "audio/flac", b"fLaC"),
    ] {
        let got = say(json!({"response_format": format})).await;
        assert_eq!(got.header("content-type"), Some(kind));
        assert!(got.bytes.starts_with(start), "{format}");
    }
}

#[tokio::test]
async fn speech_that_is_refused() {
    for (changes, words) in [
        (json!({"model": "gpt-5"}), "model_not_found"),
        (json!({"input": "x".repeat(4_097)}), "string_above_max_length"),
        (json!({"input": ""}), "input"),
        (json!({"voice": "adam"}), "alloy"),
        (json!({"voice": null}), "Missing required parameter: 'voice'"),
        (json!({"speed": 4.5}), "<= 4"),
        (json!({"response_format": "ogg"}), "opus"),
        (json!({"instructions": "whisper"}), "unsupported_parameter"),
        (json!({"text": "x"}), "unknown_parameter"),
    ] {
        let got = say(changes.clone()).await;
        assert!(matches!(got.status, 400 | 404), "{changes}: {got:?}");
        assert!(got.body.contains(words), "{changes}: {got:?}");
    }
    assert_eq!(say(json!({"model": "gpt-4o-mini-tts", "instructions": "whisper"})).await.status, 200);
}

async fn transcribe(name: &str, fields: &[(&str, &str)]) -> Got {
    let lab = Lab::start().await;
    let speech = say(json!({})).await.bytes;
    let mut parts: Vec<Part<'_>> = vec![("file", Some((name, "audio/wav")), &speech)];
    parts.extend(fields.iter().map(|(name, value)| (*name, None, value.as_bytes())));
    lab.form("openai", "/audio/transcriptions", &parts).await
}

#[tokio::test]
async fn transcriptions() {
    let text = "I listened to a file of 144044 bytes of wav and heard nothing but the sea.";
    let json = transcribe("a.wav", &[("model", "whisper-1")]).await.json();
    assert_eq!(json, json!({"text": text, "usage": {"type": "duration", "seconds": 3}}));
    let fields = [("model", "gpt-4o-transcribe"), ("language", "en"), ("temperature", "0.2")];
    let json = transcribe("a.wav", &fields).await.json();
    check(
        &json,
        &[("/text", json!(text)), ("/usage/type", json!("tokens")), ("/usage/total_tokens", json!(46))],
    );

    let fields =
        [("model", "whisper-1"), ("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
    let json = transcribe("a.wav", &fields).await.json();
    check(&json, &[("/duration", json!(3.0)), ("/words/0/word", json!("I")), ("/words/0/end", json!(0.187))]);
    for (format, start) in
        [("text", "I listened"), ("srt", "1\n00:00:00,000 --> 00:00:03,000\nI"), ("vtt", "WEBVTT\n")]
    {
        let got = transcribe("a.wav", &[("model", "whisper-1"), ("response_format", format)]).await;
        assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(got.body.starts_with(start), "{got:?}");
    }
}

#[tokio::test]
async fn transcriptions_that_are_refused() {
    let whisper = ("model", "whisper-1");
    for (name, fields, words) in [
        ("a", &[whisper][..], "Invalid file format"),
        ("a.txt", &[whisper], "Invalid file format"),
        ("a.wav", &[], "Missing required parameter: 'model'"),
        ("a.wav", &[("model", "gpt-5")], "model_not_found"),
        ("a.wav", &[("model", "gpt-4o-transcribe"), ("response_format", "text")], "not compatible"),
        ("a.wav", &[whisper, ("language", "English")], "ISO-639-1"),
        ("a.wav", &[whisper, ("temperature", "hot")], "invalid_type"),
        ("a.wav", &[whisper, ("timestamp_granularities[]", "word")], "verbose_json"),
    ] {
        let got = transcribe(name, fields).await;
        assert!(matches!(got.status, 400 | 404), "{words}: {got:?}");
        assert!(got.body.contains(words), "{words}: {got:?}");
    }
    let got =
        Lab::start().await.post("openai", "/audio/transcriptions", &json!({"model": "whisper-1"})).await;
    assert_eq!((got.status, got.body.contains("multipart")), (400, true), "{got:?}");
}
