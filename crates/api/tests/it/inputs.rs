//! Pictures that clients name by address.

use crate::{
    media::{TONE, patient, picture, request},
    refused, wrong_fields,
};
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Service, Setup, TestDatabase};
use tokio::net::TcpListener;

testkit::on_each_database!(files_are_for_those_who_brought_them);

fn upscale(url: &str) -> Value {
    json!({ "model": "upscale", "image_url": url })
}

#[tokio::test]
async fn our_own_network_cannot_be_reached() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let inside = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = inside.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.100.100.200",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        let url = format!("http://{host}:{port}/latest/meta-data/");
        wrong_fields(&service.post("/generate", &account.key, &upscale(&url)).await, &["image_url"]);
    }
    for url in ["file:///etc/passwd", "ftp://example.org/a.png", "data:image/png;base64,AAAA", "a.png", ""] {
        wrong_fields(&service.post("/generate", &account.key, &upscale(url)).await, &["image_url"]);
    }
    let user = format!("http://user:password@127.0.0.1:{port}/");
    wrong_fields(&service.post("/generate", &account.key, &upscale(&user)).await, &["image_url"]);
    let accepted = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
    assert!(accepted.is_err(), "somebody was let in");
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}

async fn files_are_for_those_who_brought_them(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let (account, stranger) = (service.account("vip", 0).await, service.account("vip", 0).await);
    let url = service.upload(&account.key, &picture(64, 48, ImageFormat::Png)).await;
    let sound = service.upload(&account.key, TONE).await;
    for wrong in
        [&sound, &format!("{url}x"), &format!("{url}?a=b"), &format!("{}/api/v2/files/", service.url)]
    {
        wrong_fields(&service.post("/generate", &account.key, &upscale(wrong)).await, &["image_url"]);
    }
    wrong_fields(&service.post("/generate", &stranger.key, &upscale(&url)).await, &["image_url"]);
    let id = service.begin_job(&account, &upscale(&url)).await;
    let done = service.pump(&account.key, &id).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    // A result goes on as an input, unless it is larger than what may go in.
    let result = done["result_url"].as_str().unwrap();
    let resize = async |bytes: u64| {
        let sql = format!("UPDATE files SET size_bytes = {bytes} WHERE kind = 'result'");
        database.execute(&sql).await.unwrap();
    };
    resize(25_000_001).await;
    wrong_fields(&service.post("/generate", &account.key, &upscale(result)).await, &["image_url"]);
    resize(25_000_000).await;
    let id = service.begin_job(&account, &upscale(result)).await;
    assert_eq!(service.pump(&account.key, &id).await["status"], "completed");
    // And an input is one for a day.
    service.clock.advance_ms(86_400_000);
    wrong_fields(&service.post("/generate", &account.key, &upscale(&url)).await, &["image_url"]);
    assert_eq!((service.balance(&account.key).await, service.balance(&stranger.key).await), (1_498, 1_500));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

#[tokio::test]
async fn every_input_that_is_missing_or_wrong_is_named() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for model in ["kling-v2.1", "kling-v2.1-pro", "mj-video-480p", "mj-video-720p", "flux-kontext-pro"] {
        let reply = service.generate(&account.key, model, "A boat.").await;
        wrong_fields(&reply, &["image_url"]);
    }
    for (model, fields) in [
        ("upscale", vec!["image_url"]),
        ("face-swap", vec!["face_url", "image_url"]),
        ("style-transfer", vec!["image_url", "style_url"]),
        ("inpaint", vec!["image_url", "mask_url"]),
    ] {
        let mut body = request(&service, model, "A boat.", "http://127.0.0.1/").await;
        wrong_fields(&service.post("/generate", &account.key, &body).await, &fields);
        for field in &fields {
            body.as_object_mut().unwrap().remove(*field);
        }
        let details = refused(&service.post("/generate", &account.key, &body).await, 422, "validation_error");
        let mut named: Vec<&str> = details["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{model}");
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}

#[tokio::test]
async fn models_that_take_a_picture_work_with_one_and_without() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = &Service::start_with(&database, patient()).await;
    let account = &service.account("elite", 0).await;
    let url = &service.upload(&account.key, &picture(64, 48, ImageFormat::Jpeg)).await;
    let models = ["gpt-image-1.5", "nano-banana-pro", "minimax-video", "luma-ray2-flash"];
    let all = models.into_iter().map(|model| async move {
        let body = json!({ "model": model, "prompt": "A red boat.", "image_url": url });
        service.prefer(&account.key, "wait=60", &body).await.expect(200);
    });
    service.pumping(futures_util::future::join_all(all)).await;
}

/// A vendor in the outside world cannot fetch what lies at a private address.
#[tokio::test]
async fn a_vendor_that_fetches_needs_a_public_address_of_ours() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let setup = Setup { is_sandbox: false, vendors_url: Some("http://vendor.invalid"), ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    let url = service.upload(&account.key, &picture(64, 48, ImageFormat::Png)).await;
    for model in ["luma-ray2-flash", "luma-ray2", "luma-ray2-1080p"] {
        let body = json!({ "model": model, "prompt": "A boat.", "image_url": url });
        refused(&service.post("/generate", &account.key, &body).await, 503, "model_unavailable");
    }
    assert_eq!(service.balance(&account.key).await, 1_500);
    assert_eq!(service.assert_verifies().await.generations, 0);
}
