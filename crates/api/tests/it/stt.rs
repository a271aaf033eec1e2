//! Speech to text.

use crate::{
    files::wav,
    media::{TONE, picture},
    refused, wrong_fields,
};
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Account, Part, Reply, Service, Setup, TestDatabase, file, send, text};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

testkit::on_each_database!(every_model_of_speech_writes, silence_is_heard_and_nothing_is_read);

async fn start(database: &TestDatabase) -> (Service, Account) {
    let service = Service::start(database).await;
    let account = service.account("vip", 0).await;
    (service, account)
}

async fn every_model_of_speech_writes(database: TestDatabase) {
    let service = Service::start(&database).await;
    let audio = file("audio", "speech.wav", TONE);
    for (model, parts) in [
        ("whisper", vec![audio.clone()]),
        ("whisper", vec![audio.clone(), text("model", "whisper")]),
        ("whisper", vec![text("language", "en"), audio.clone(), text("model", "whisper")]),
        ("gpt-4o-transcribe", vec![text("model", "gpt-4o-transcribe"), audio.clone()]),
        ("elevenlabs-scribe", vec![audio.clone(), text("model", "elevenlabs-scribe")]),
        (
            "elevenlabs-scribe",
            vec![text("diarize", "false"), audio.clone(), text("model", "elevenlabs-scribe")],
        ),
    ] {
        let account = service.account_with(2).await;
        let answer = service.post_form("/stt", &account.key, &parts).await.expect(200);
        for (field, expected) in [
            ("status", json!("completed")),
            ("model_slug", json!(model)),
            ("tokens_spent", json!(2)),
            ("balance_remaining", json!(0)),
            ("result_url", Value::Null),
            ("thumbnail_url", Value::Null),
            ("error", Value::Null),
        ] {
            assert_eq!(answer[field], expected, "{field} of {answer:#}");
        }
        assert!(answer["result_text"].as_str().is_some_and(|text| !text.is_empty()), "{answer:#}");
        let metadata = &answer["result_metadata"];
        assert_eq!(metadata["duration"], json!(1.5), "{answer:#}");
        assert_eq!(metadata["usage"].is_object(), model == "gpt-4o-transcribe", "{answer:#}");
        assert_eq!(service.generation(&account.key, &answer["id"]).await, answer);
        refused(&service.post_form("/stt", &account.key, &parts).await, 402, "insufficient_tokens");
    }
    // Nothing is kept of a recording.
    assert_eq!(service.stored_files(), Vec::<String>::new());
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// Where nobody speaks, or nothing is written, that is the answer.
async fn silence_is_heard_and_nothing_is_read(database: TestDatabase) {
    let vendor = MockServer::start().await;
    // In the words of OpenAI, ElevenLabs and Replicate.
    let nothing = json!({ "text": "", "words": [], "id": "p1", "status": "succeeded", "output": "" });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(nothing)).mount(&vendor).await;
    let vendors_url: &'static str = Box::leak(vendor.uri().into_boxed_str());
    let setup = Setup { vendors_url: Some(vendors_url), ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let check = async |account: &Account, reply: Reply| {
        let answer = reply.expect(200);
        assert_eq!((&answer["status"], &answer["result_text"]), (&json!("completed"), &json!("")));
        assert_eq!(service.balance(&account.key).await, 0, "{answer:#}");
        assert_eq!(service.generation(&account.key, &answer["id"]).await, answer);
    };
    for model in ["whisper", "gpt-4o-transcribe", "elevenlabs-scribe"] {
        let account = service.account_with(2).await;
        let parts = [text("model", model), file("audio", "a.wav", TONE)];
        check(&account, service.post_form("/stt", &account.key, &parts).await).await;
    }
    let account = service.account_with(1).await;
    let url = service.upload(&account.key, &picture(64, 48, ImageFormat::Png)).await;
    let body = json!({ "model": "text-ocr", "image_url": url });
    check(&account, service.prefer(&account.key, "wait=20", &body).await).await;
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

#[tokio::test]
async fn speakers_are_told_apart() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let parts = [text("diarize", "true"), file("audio", "a.wav", TONE), text("model", "elevenlabs-scribe")];
    let answer = service.post_form("/stt", &account.key, &parts).await.expect(200);
    let lines: Vec<&str> = answer["result_text"].as_str().unwrap().lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("[Speaker ")), "{lines:?}");
    assert!(lines[0].starts_with("[Speaker 1]: "), "{lines:?}");
}

#[tokio::test]
async fn recordings_of_every_kind_are_heard() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    macro_rules! fixture {
        ($name:literal) => {
            ($name, include_bytes!(concat!("../../../media/tests/fixtures/", $name)).as_slice())
        };
    }
    for (name, content) in [
        fixture!("constant.mp3"),
        fixture!("clip.mp4"),
        fixture!("tone.wav"),
        fixture!("tone.m4a"),
        fixture!("fragmented.m4a"),
        fixture!("opus.ogg"),
        fixture!("vorbis.ogg"),
        fixture!("tone.flac"),
        fixture!("tone.webm"),
        fixture!("streamed.webm"),
    ] {
        for model in ["whisper", "elevenlabs-scribe"] {
            let parts = [file("audio", "recording", content), text("model", model)];
            let reply = service.post_form("/stt", &account.key, &parts).await;
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_it_costs() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let png = picture(8, 8, ImageFormat::Png);
    let audio = || file("audio", "a.wav", TONE);
    let post = async |parts: &[Part<'_>]| service.post_form("/stt", &account.key, parts).await;
    let check = async |parts: &[Part<'_>], fields: &[&str]| drop(wrong_fields(&post(parts).await, fields));
    check(&[text("model", "whisper")], &["audio"]).await;
    check(&[file("audio", "a.wav", b"")], &["audio"]).await;
    check(&[file("audio", "a.wav", b"no sound at all")], &["audio"]).await;
    check(&[file("audio", "a.wav", &png)], &["audio"]).await;
    check(&[file("audio", "a.aac", include_bytes!("../../../media/tests/fixtures/tone.aac"))], &["audio"])
        .await;
    check(&[audio(), audio()], &["audio"]).await;
    check(&[audio(), text("temperature", "0")], &["temperature"]).await;
    check(&[audio(), text("model", "whisper"), text("model", "whisper")], &["model"]).await;
    check(&[audio(), text("model", "gpt-5")], &["model"]).await;
    check(&[audio(), text("model", "openai-tts")], &["model"]).await;
    check(&[audio(), text("diarize", "true")], &["diarize"]).await;
    check(&[audio(), text("model", "gpt-4o-transcribe"), text("diarize", "true")], &["diarize"]).await;
    check(&[audio(), text("model", "elevenlabs-scribe"), text("diarize", "maybe")], &["diarize"]).await;
    check(&[audio(), text("language", "english")], &["language"]).await;
    check(&[audio(), text("language", "")], &["language"]).await;
    check(&[audio(), text("language", &"e".repeat(1_001))], &["language"]).await;
    check(&[audio(), text("language", "e\0")], &["language"]).await;
    // Every wrong field at once, wherever it stands and however it is found.
    let (bad, odd) = (|| file("audio", "a.wav", &png), text("temperature", "0"));
    check(&[bad(), text("language", "EN"), odd.clone()], &["audio", "temperature", "language"]).await;
    check(&[odd.clone(), text("language", "EN"), bad()], &["temperature", "audio", "language"]).await;
    check(&[text("language", "EN"), odd], &["temperature", "audio", "language"]).await;
    check(&[bad(), text("diarize", "true")], &["audio", "diarize"]).await;
    let long = wav(8_000, 8_000 * 361);
    check(&[file("audio", "a.wav", &long), text("language", "EN")], &["audio", "language"]).await;
    let both = [audio(), text("language", "english"), text("diarize", "true")];
    let details = refused(&post(&both).await, 422, "validation_error");
    assert_eq!(details["fields"].as_array().unwrap().len(), 2, "{details}");
    refused(&post(&[audio(), text("model", "gpt-6")]).await, 404, "not_found");
    let json = service.post("/stt", &account.key, &json!({ "model": "whisper" })).await;
    refused(&json, 400, "bad_request");
    wrong_fields(&service.post("/generate", &account.key, &json!({ "model": "whisper" })).await, &["model"]);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
    assert_eq!(service.assert_verifies().await.generations, 0);
}

#[tokio::test]
async fn recordings_have_limits() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let post = async |model: &str, sound: &[u8]| -> Reply {
        let parts = [file("audio", "a.wav", sound), text("model", model)];
        service.post_form("/stt", &account.key, &parts).await
    };
    for (model, limit_s) in [("whisper", 360), ("gpt-4o-transcribe", 360), ("elevenlabs-scribe", 300)] {
        let shown = service.get(&format!("/models/{model}"), "").await.expect(200);
        assert_eq!(shown["config"]["max_audio_s"], limit_s);
        let samples = |seconds: usize| wav(8_000, 8_000 * seconds);
        post(model, &samples(limit_s)).await.expect(200);
        wrong_fields(&post(model, &samples(limit_s + 1)).await, &["audio"]);
    }
    // What does not say how long it is, is measured.
    for long in [long_webm(), long_m4a()] {
        let details = refused(&post("whisper", &long).await, 422, "validation_error");
        let wrong = &details["fields"][0];
        assert_eq!(
            (&wrong["field"], &wrong["message"]),
            (&json!("audio"), &json!("must play for at most 360 s"))
        );
    }
    refused(&post("whisper", &wav(8_000, 25_000_000)).await, 413, "payload_too_large");
    assert_eq!(service.calls().await, 3);
}

/// A recording of 400 s that says nowhere how long it is: after the first second and a half there is a gap.
fn long_webm() -> Vec<u8> {
    // A cluster at 400,000 ms with one block: of track 1, at its beginning, a frame of Opus.
    const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75\x8f\xe7\x84\0\x06\x1a\x80\xa3\x87\x81\0\0\x80\xfc\xff\xfe";
    [include_bytes!("../../../media/tests/fixtures/streamed.webm").as_slice(), CLUSTER].concat()
}

/// The same: its one fragment of 1.6 s comes again and again.
fn long_m4a() -> Vec<u8> {
    const FRAGMENT: std::ops::Range<usize> = 733..4_438;
    let file = include_bytes!("../../../media/tests/fixtures/fragmented.m4a");
    let mut bytes = file[..FRAGMENT.start].to_vec();
    for index in 0..250_u32 {
        let mut fragment = file[FRAGMENT].to_vec();
        let mut set = |name: &[u8; 4], value: &[u8]| {
            let at = fragment.windows(4).position(|found| found == name).unwrap() + 8;
            fragment[at..at + value.len()].copy_from_slice(value);
        };
        set(b"mfhd", &(index + 1).to_be_bytes());
        set(b"tfdt", &(u64::from(index) * 25_600).to_be_bytes());
        bytes.extend(fragment);
    }
    bytes
}

/// Sends the beginning of a form, of which more is promised and never comes, and gives the status of the answer.
async fn status_of_begun(service: &Service, key: &str, beginning: &[u8], promised_bytes: usize) -> String {
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST /api/v2/stt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
        Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {promised_bytes}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), beginning].concat()).await.unwrap();
    let mut status = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut status)).await;
    read.expect("it is answered before all has come").unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}

#[tokio::test]
async fn what_can_be_refused_early_is() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let poor = service.account("free", 10).await;
    let model =
        |slug: &str| format!("--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{slug}\r\n");
    let audio = "--x\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a\"\r\n\r\n";
    let page = format!("{audio}{}", "<html>".repeat(1_000));
    let check = async |key: &str, beginning: &str, promised_bytes: usize, status: u16| {
        let answered = status_of_begun(&service, key, beginning.as_bytes(), promised_bytes).await;
        assert_eq!(answered, format!("HTTP/1.1 {status}"), "{}", &beginning[..beginning.len().min(200)]);
    };
    check("nb_wrong", "", 20_000_000, 401).await;
    check(&poor.key, "", 20_000_000, 403).await;
    check(&account.key, "", 26_000_000, 413).await;
    check(&account.key, &format!("{}{audio}", model("whisper-9")), 20_000_000, 404).await;
    check(&account.key, &format!("{}{audio}", model("gpt-5")), 20_000_000, 422).await;
    check(&account.key, &page, 20_000_000, 422).await;
    assert_eq!(service.calls().await, 0);
    assert_eq!(service.assert_verifies().await.generations, 0);
}

#[tokio::test]
async fn a_transcript_can_be_had_later() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    service.break_vendor("openai", "delay:200", 1).await;
    let form = reqwest::multipart::Form::new()
        .part("audio", reqwest::multipart::Part::bytes(TONE).file_name("a.wav"));
    let request = service.request(Method::POST, "/api/v2/stt", &account.key).multipart(form);
    let reply = send(request.header("prefer", "respond-async")).await;
    let pending = reply.expect(202);
    assert_eq!(
        (&pending["status"], reply.header("preference-applied")),
        (&json!("pending"), Some("respond-async"))
    );
    let done = crate::ended(&service, &account.key, &pending["id"]).await;
    assert_eq!((&done["status"], &done["tokens_spent"]), (&json!("completed"), &json!(2)));
}
