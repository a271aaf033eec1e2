//! Files that clients bring, and files that they get.

use crate::{
    media::{TONE, picture},
    refused, wrong_fields,
};
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase, file, send, text};

testkit::on_each_database!(inputs_are_stored_as_what_they_are, what_is_no_input_is_refused);

const MP3: &[u8] = include_bytes!("../../../media/tests/fixtures/constant.mp3");
const MP4: &[u8] = include_bytes!("../../../media/tests/fixtures/clip.mp4");
/// Bytes that an upload may have.
const MAX_BYTES: usize = 25_000_000;

async fn start(database: &TestDatabase) -> (Service, Account) {
    let service = Service::start(database).await;
    let account = service.account("vip", 0).await;
    (service, account)
}

async fn upload(service: &Service, account: &Account, name: &str, content: &[u8]) -> Reply {
    service.post_form("/files", &account.key, &[file("file", name, content)]).await
}

async fn inputs_are_stored_as_what_they_are(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let mut urls = Vec::new();
    for (content, extension, content_type) in [
        (picture(8, 8, ImageFormat::Png), "png", "image/png"),
        (picture(8, 8, ImageFormat::Png), "png", "image/png"),
        (picture(8, 8, ImageFormat::Jpeg), "jpg", "image/jpeg"),
        (picture(8, 8, ImageFormat::WebP), "webp", "image/webp"),
        (TONE.to_vec(), "wav", "audio/wav"),
        (MP3.to_vec(), "mp3", "audio/mpeg"),
    ] {
        // Neither its name nor the type that the client gives it counts.
        let stored = upload(&service, &account, "../../evil.html", &content).await.expect(201);
        assert_eq!(stored["expires_at"], "2026-11-23T00:00:00Z");
        let url = stored["url"].as_str().unwrap().to_owned();
        let name = url.strip_prefix(&format!("{}/api/v2/files/", service.url)).unwrap();
        let (stem, found) = name.split_once('.').unwrap();
        assert_eq!(found, extension);
        assert!(stem.len() == 40 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        let served = service.fetch(&url).await;
        assert_eq!((served.status, served.header("content-type")), (200, Some(content_type)));
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
        assert!(served.bytes == content, "{name}");
        urls.push(url);
    }
    urls.sort();
    urls.dedup();
    assert_eq!((urls.len(), service.stored_files().len()), (6, 6));
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}

async fn what_is_no_input_is_refused(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"/>"#;
    let broken = &picture(8, 8, ImageFormat::Png)[..20];
    for content in [&b""[..], b"<!DOCTYPE html><html>", svg, broken, b"%PDF-1.7", MP4] {
        wrong_fields(&upload(&service, &account, "a.png", content).await, &["file"]);
    }
    let form = async |parts: &[testkit::Part<'_>]| service.post_form("/files", &account.key, parts).await;
    wrong_fields(&form(&[file("image", "a.wav", TONE)]).await, &["image", "file"]);
    wrong_fields(&form(&[file("file", "a.wav", TONE), file("file", "b.wav", TONE)]).await, &["file"]);
    wrong_fields(&form(&[file("file", "a.wav", TONE), text("name", "a")]).await, &["name"]);
    let raw = async |content_type: &str, body: &'static str| {
        let request = service.request(Method::POST, "/api/v2/files", &account.key);
        send(request.header("content-type", content_type).body(body)).await
    };
    refused(&raw("application/json", "{}").await, 400, "bad_request");
    refused(&raw("multipart/form-data", "").await, 400, "bad_request");
    refused(&raw("multipart/form-data; boundary=x", "--y\r\n").await, 400, "bad_request");
    let cut = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF";
    refused(&raw("multipart/form-data; boundary=x", cut).await, 400, "bad_request");
    assert_eq!(service.stored_files(), Vec::<String>::new());
}

#[tokio::test]
async fn uploads_have_a_limit() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let mut sound = wav(8_000, MAX_BYTES - 44);
    assert_eq!(sound.len(), MAX_BYTES);
    upload(&service, &account, "a.wav", &sound).await.expect(201);
    for len in [MAX_BYTES + 1, MAX_BYTES + 100_000, 2 * MAX_BYTES] {
        sound.resize(len, 0);
        refused(&upload(&service, &account, "a.wav", &sound).await, 413, "payload_too_large");
    }
    assert_eq!(service.stored_files().len(), 1);
}

/// Silence of so many bytes, one for each sample.
pub(crate) fn wav(samples_per_s: u32, data_bytes: usize) -> Vec<u8> {
    let data_len = u32::try_from(data_bytes).unwrap();
    let mut bytes = Vec::with_capacity(44 + data_bytes);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data_len).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&samples_per_s.to_le_bytes());
    bytes.extend_from_slice(&samples_per_s.to_le_bytes());
    bytes.extend_from_slice(b"\x01\0\x08\0data");
    bytes.extend_from_slice(&data_len.to_le_bytes());
    bytes.resize(44 + data_bytes, 0x80);
    bytes
}

#[tokio::test]
async fn files_are_served_in_parts() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let url = service.upload(&account.key, TONE).await;
    let path = url.strip_prefix(&service.url).unwrap();
    let size = TONE.len();
    let get = async |method: Method, range: &str| {
        send(service.request(method, path, "").header("range", range)).await
    };
    for (range, part) in [
        ("bytes=0-9", 0..10),
        ("bytes=10-", 10..size),
        ("bytes=-10", size - 10..size),
        ("bytes=100-99999999", 100..size),
        ("bytes=-99999999", 0..size),
    ] {
        let reply = get(Method::GET, range).await;
        assert_eq!(reply.status, 206, "{range}: {:?}", reply.headers);
        let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(reply.header("content-range"), Some(content_range.as_str()), "{range}");
        assert_eq!(reply.header("content-length"), Some(part.len().to_string().as_str()), "{range}");
        assert_eq!(reply.header("content-type"), Some("audio/wav"), "{range}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{range}");
        assert!(reply.bytes == TONE[part], "{range}");
    }
    for range in ["bytes=0-1,4-5", "lines=0-9", "bytes=9-0", "bytes=x-"] {
        let reply = get(Method::GET, range).await;
        assert_eq!((reply.status, reply.header("content-range")), (200, None), "{range}");
        assert_eq!(reply.header("accept-ranges"), Some("bytes"), "{range}");
        assert!(reply.bytes == TONE, "{range}");
    }
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let reply = get(Method::GET, &range).await;
        let content_range = format!("bytes */{size}");
        assert_eq!((reply.status, reply.header("content-range")), (416, Some(content_range.as_str())));
        refused(&reply, 416, "range_not_satisfiable");
    }
    let head = send(service.request(Method::HEAD, path, "")).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
    refused(&send(service.request(Method::DELETE, path, &account.key)).await, 405, "method_not_allowed");
}

#[tokio::test]
async fn a_file_is_never_another() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let url = service.upload(&account.key, TONE).await;
    let path = url.strip_prefix(&service.url).unwrap();
    let get = async |headers: &[(&str, &str)]| {
        let request = service.request(Method::GET, path, "");
        send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    };
    let whole = get(&[]).await;
    let tag = whole.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", path.rsplit_once('/').unwrap().1));
    assert_eq!(whole.header("cache-control"), Some("private, max-age=31536000, immutable"));

    for known in [tag.as_str(), "*", &format!("W/{tag}"), &format!("\"x\", {tag}")] {
        let reply = get(&[("if-none-match", known), ("range", "bytes=0-9")]).await;
        assert_eq!((reply.status, reply.bytes.len()), (304, 0), "{known}");
        assert_eq!(reply.header("etag"), Some(tag.as_str()));
        assert!(reply.header("cache-control").is_some());
    }
    assert_eq!(get(&[("if-none-match", "\"x\"")]).await.status, 200);

    let part = [("range", "bytes=0-9"), ("if-range", tag.as_str())];
    assert_eq!(get(&part).await.status, 206);
    for other in ["\"zzz\"", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let reply = get(&[("range", "bytes=0-9"), ("if-range", other)]).await;
        assert_eq!((reply.status, reply.bytes.len()), (200, TONE.len()), "{other}");
    }
    // One that nobody has is not known, whatever is asked.
    let gone = service.request(Method::GET, "/api/v2/files/x.png", "").header("if-none-match", "*");
    refused(&send(gone).await, 404, "not_found");
}

#[tokio::test]
async fn a_name_that_nobody_gave_is_nothing() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, account) = start(&database).await;
    let url = service.upload(&account.key, TONE).await;
    let (_, name) = url.rsplit_once('/').unwrap();
    let (stem, _) = name.split_once('.').unwrap();
    for wrong in [
        stem.to_owned(),
        format!("{stem}.mp3"),
        name.to_uppercase(),
        format!("{name}%00"),
        format!("..%2F{name}"),
        "..%2F..%2Fetc%2Fpasswd".to_owned(),
        "%ff".to_owned(),
        "x".repeat(4_000),
    ] {
        refused(&service.get(&format!("/files/{wrong}"), "").await, 404, "not_found");
    }
    let list: Value = service.get("/files", &account.key).await.expect(405);
    assert_eq!(list["error"], json!("method_not_allowed"));
}
