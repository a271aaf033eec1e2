//! Pictures, video and sound that go well: charged what was quoted, and a file that is what it says.

use crate::{catalog::rows, refused};
use futures_util::future::join_all;
use image::{DynamicImage, GenericImageView, ImageFormat};
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use testkit::{Service, Setup, TestDatabase};

testkit::on_each_database!(every_model_of_files_makes_one);

/// A second and a half of sound.
pub(crate) const TONE: &[u8] = include_bytes!("../../../media/tests/fixtures/tone.wav");
/// Time passes quickly here, and nothing may be too late for it.
pub(crate) fn patient() -> Setup {
    Setup { job_timeout_ms: 3_000_000, ..Setup::default() }
}

/// A picture of that size.
pub(crate) fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = DynamicImage::new_rgb8(width, height);
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// What a model needs and no more: some words, and the picture wherever it needs one.
pub(crate) async fn request(service: &Service, model: &str, words: &str, picture_url: &str) -> Value {
    let shown = service.get(&format!("/models/{model}"), "").await.expect(200);
    let mut body = json!({ "model": model });
    for (name, spec) in shown["config"]["parameters"].as_object().unwrap() {
        match name.as_str() {
            "prompt" | "text" => body[name] = json!(words),
            _ if spec["type"] == "url" && spec["required"] == true => body[name] = json!(picture_url),
            _ => {}
        }
    }
    body
}

async fn every_model_of_files_makes_one(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let made: Vec<_> = rows().into_iter().filter(|row| !["text", "stt"].contains(&row.category)).collect();
    assert_eq!(made.len(), 35);
    let all = made.iter().map(|row| check_made(&service, row.slug, row.category, row.token_cost));
    service.pumping(join_all(all)).await;
    let report = service.assert_verifies().await;
    assert_eq!(report.open_holds, 0);
}

async fn check_made(service: &Service, model: &str, category: &str, price: i64) {
    let account = service.account_with(price).await;
    let url = service.upload(&account.key, &picture(64, 48, ImageFormat::Png)).await;
    let body = request(service, model, "A red boat on the sea.", &url).await;
    let answer = service.prefer(&account.key, "wait=60", &body).await.expect(200);
    assert_eq!(answer["status"], "completed", "{answer:#}");
    assert_eq!((&answer["model_slug"], &answer["tokens_spent"]), (&json!(model), &json!(price)));
    assert_eq!((&answer["error"], &answer["error_code"]), (&Value::Null, &Value::Null), "{answer:#}");
    assert!(answer.get("progress").is_none(), "{answer:#}");
    assert_eq!(
        (&answer["balance_remaining"], service.balance(&account.key).await),
        (&json!(0), 0),
        "{model}"
    );
    assert_eq!(service.generation(&account.key, &answer["id"]).await, answer, "{model}");
    refused(&service.prefer(&account.key, "wait=1", &body).await, 402, "insufficient_tokens");
    if model == "text-ocr" {
        assert!(answer["result_text"].as_str().is_some_and(|text| !text.is_empty()), "{answer:#}");
        assert_eq!(answer["result_url"], Value::Null, "{answer:#}");
        return;
    }
    assert_eq!(answer["result_text"], Value::Null, "{answer:#}");
    let expected = match category {
        "image" | "tool" => "image/webp",
        "video" => "video/mp4",
        _ => "audio/mpeg",
    };
    check_file(service, &answer, expected).await;
}

/// The file of a generation is of that type by its header, its name and its bytes, and measured rightly.
async fn check_file(service: &Service, answer: &Value, content_type: &str) {
    let url = answer["result_url"].as_str().unwrap();
    let file = service.fetch(url).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)), "{answer:#}");
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"), "{file:?}");
    let (extension, magic): (&str, fn(&[u8]) -> bool) = match content_type {
        "image/png" => ("png", |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n")),
        "image/jpeg" => ("jpg", |bytes| bytes.starts_with(b"\xff\xd8\xff")),
        "image/webp" => ("webp", |bytes| bytes.starts_with(b"RIFF") && bytes[8..].starts_with(b"WEBP")),
        "video/mp4" => ("mp4", |bytes| bytes[4..].starts_with(b"ftyp")),
        "audio/wav" => ("wav", |bytes| bytes.starts_with(b"RIFF") && bytes[8..].starts_with(b"WAVE")),
        "audio/ogg" => ("ogg", |bytes| bytes.starts_with(b"OggS")),
        "audio/mpeg" => ("mp3", |bytes| bytes.starts_with(b"ID3") || bytes[0] == 0xff),
        other => panic!("{other}"),
    };
    assert!(magic(&file.bytes) && url.ends_with(&format!(".{extension}")), "{answer:#}");
    let metadata = &answer["result_metadata"];
    if let Some(format) = content_type.strip_prefix("image/") {
        let decoded = image::load_from_memory(&file.bytes).unwrap();
        let size = (&json!(decoded.width()), &json!(decoded.height()));
        assert_eq!((&metadata["width"], &metadata["height"]), size, "{answer:#}");
        assert_eq!(metadata["format"], format, "{answer:#}");
        let thumbnail = service.fetch(answer["thumbnail_url"].as_str().unwrap()).await;
        assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, Some("image/jpeg")));
        let (width, height) = image::load_from_memory(&thumbnail.bytes).unwrap().dimensions();
        assert!(width.max(height) <= 512 && width.min(height) > 0, "{width} x {height}");
        return;
    }
    assert_eq!((&answer["thumbnail_url"], &metadata["format"]), (&Value::Null, &json!(extension)));
    let mut copy = tempfile::NamedTempFile::new().unwrap();
    copy.write_all(&file.bytes).unwrap();
    let found = media::inspect(copy.path()).unwrap();
    assert_eq!(found.media_type.content_type(), content_type);
    let duration_ms = metadata["duration"].as_f64().unwrap() * 1_000.0;
    assert!((duration_ms - found.duration_ms.unwrap() as f64).abs() < 1.0, "{answer:#}");
    if content_type.starts_with("video/") {
        assert_eq!(
            (metadata["width"].as_u64(), metadata["height"].as_u64()),
            (found.width.map(u64::from), found.height.map(u64::from)),
            "{answer:#}"
        );
    }
}

/// Makes a file with these parameters besides, and gives what is on record.
async fn made(service: &Service, model: &str, params: Value) -> Value {
    let account = service.account("vip", 0).await;
    let url = service.upload(&account.key, &picture(64, 48, ImageFormat::Png)).await;
    let mut body = request(service, model, "A red boat on the sea.", &url).await;
    body["params"] = params;
    service.prefer(&account.key, "wait=60", &body).await.expect(200)
}

#[tokio::test]
async fn files_come_in_the_format_that_is_asked_for() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = &Service::start_with(&database, patient()).await;
    let pictures = ["photon-1", "gpt-image-1.5", "flux-1.1-pro", "midjourney-v6", "upscale"];
    let formats = [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")];
    let pictures = pictures.into_iter().flat_map(|model| formats.map(|(format, kind)| (model, format, kind)));
    let sounds = [
        ("openai-tts", "wav", "audio/wav"),
        ("openai-tts", "ogg", "audio/ogg"),
        ("minimax-tts", "wav", "audio/wav"),
        ("elevenlabs-flash", "wav", "audio/wav"),
        ("elevenlabs-flash", "ogg", "audio/ogg"),
    ];
    let all = pictures.chain(sounds).map(|(model, format, content_type)| async move {
        let answer = made(service, model, json!({ "format": format })).await;
        check_file(service, &answer, content_type).await;
    });
    service.pumping(join_all(all)).await;
}

#[tokio::test]
async fn pictures_have_the_size_that_is_asked_for() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = &Service::start_with(&database, patient()).await;
    let all = [
        ("gpt-image-1.5", "1536x1024", (3, 2)),
        ("dall-e-3", "1024x1792", (4, 7)),
        ("flux-1.1-pro", "1344x768", (7, 4)),
        ("flux-1.1-pro", "1024x1536", (2, 3)),
        ("sd-3.5-large", "768x1344", (4, 7)),
        ("recraft-v3", "2048x1024", (2, 1)),
    ]
    .map(|(model, size, (across, down))| async move {
        let metadata = made(service, model, json!({ "size": size })).await["result_metadata"].clone();
        let (width, height) = (metadata["width"].as_f64().unwrap(), metadata["height"].as_f64().unwrap());
        let (found, expected) = (width / height, f64::from(across) / f64::from(down));
        assert!((found / expected - 1.0).abs() < 0.04, "{model} {size}: {metadata}");
    });
    service.pumping(join_all(all)).await;
}

#[tokio::test]
async fn what_a_model_does_not_take_is_refused() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (model, name, value) in [
        ("photon-1", "size", json!("1024x1024")),
        ("photon-1", "format", json!("gif")),
        ("photon-1", "stream", json!(true)),
        ("photon-1", "prompt", json!("")),
        ("photon-1", "prompt", json!("x".repeat(2_001))),
        ("flux-1.1-pro", "seed", json!(-1)),
        ("kling-v2.1", "duration", json!(7)),
        ("musicgen", "duration", json!(121)),
        ("elevenlabs-flash", "speed", json!(2)),
        ("openai-tts", "text", json!("x".repeat(4_097))),
        ("remove-bg", "format", json!("jpeg")),
    ] {
        let mut body = request(&service, model, "A boat.", "https://example.org/boat.png").await;
        body[name] = value;
        crate::wrong_fields(&service.post("/generate", &account.key, &body).await, &[name]);
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}
