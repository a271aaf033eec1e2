//! Pictures that clients name by address.

use crate::{
    media::{TONE, patient, picture, request},
    refused, wrong_fields,
};
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Account, Service, Setup, TestDatabase, file};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

testkit::on_each_database!(files_are_for_those_who_brought_them, who_cannot_pay_has_nothing_fetched);

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

/// A host on this machine, which counts as one of the open internet, and a service that fetches from it.
async fn with_host(database: &TestDatabase, setup: Setup) -> (Service, TcpListener, String) {
    let host = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/a.png", host.local_addr().unwrap());
    let service = Service::start_with(database, Setup { is_machine_public: true, ..setup }).await;
    (service, host, url)
}

async fn who_cannot_pay_has_nothing_fetched(database: TestDatabase) {
    let (service, host, url) = with_host(&database, patient()).await;
    let price = service.get("/models/upscale", "").await.expect(200)["token_cost"].as_i64().unwrap();
    let poor = service.account_with(price - 1).await;
    let details =
        refused(&service.post("/generate", &poor.key, &upscale(&url)).await, 402, "insufficient_tokens");
    assert_eq!(details, json!({ "required": price, "available": price - 1 }));
    let asked = tokio::time::timeout(Duration::from_millis(50), host.accept()).await;
    assert!(asked.is_err(), "somebody was asked");

    let rich = service.account_with(price).await;
    let png = picture(64, 48, ImageFormat::Png);
    let serve = async {
        let (mut stream, _) = host.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", png.len());
        stream.write_all(&[head.as_bytes(), &png].concat()).await.unwrap();
        stream
    };
    let body = upscale(&url);
    let (reply, _stream) = tokio::join!(service.post("/generate", &rich.key, &body), serve);
    reply.expect(202);
}

#[tokio::test]
async fn hosts_that_take_long_hold_up_few() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let setup = Setup { input_timeout_ms: 2_000, inputs_at_once_per_account: 2, ..patient() };
    let (service, host, url) = with_host(&database, setup).await;
    let (account, other) = (service.account("vip", 0).await, service.account("vip", 0).await);
    let body = upscale(&url);
    let ask = |account: &Account| {
        let (service, key, body) = (&service, account.key.clone(), &body);
        async move { service.post("/generate", &key, body).await }
    };
    let further = async {
        // Two of this account's are being fetched.
        let _streams = [host.accept().await.unwrap(), host.accept().await.unwrap()];
        let refusal = ask(&account).await;
        assert_eq!(refused(&refusal, 503, "overloaded"), json!({}));
        assert_eq!(refusal.header("retry-after"), Some("1"));
        tokio::join!(ask(&other), async { host.accept().await.unwrap() }).0
    };
    let (first, second, third) = tokio::join!(ask(&account), ask(&account), further);
    for reply in [first, second, third] {
        wrong_fields(&reply, &["image_url"]);
        assert!(reply.json()["details"]["fields"][0]["message"].as_str().unwrap().ends_with("took too long"));
    }
    assert_eq!(service.assert_verifies().await.generations, 0);
}

/// What is told of a host that cannot be reached is what its client can do something about.
#[tokio::test]
async fn hosts_that_are_not_there_are_said_in_plain_words() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let (service, host, url) = with_host(&database, patient()).await;
    drop(host);
    let account = service.account("vip", 0).await;
    let reply = service.post("/generate", &account.key, &upscale(&url)).await;
    let message = reply.json()["details"]["fields"][0]["message"].clone();
    assert_eq!(message, "cannot be fetched: the host cannot be reached");
}

#[tokio::test]
async fn pictures_that_were_cut_are_refused() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = picture(640, 480, format);
        let cut = file("file", "a", &whole[..whole.len() - 8]);
        let reply = service.post_form("/files", &account.key, &[cut]).await;
        wrong_fields(&reply, &["file"]);
        let message = reply.json()["details"]["fields"][0]["message"].clone();
        assert_eq!(message, "cannot be read: the file is damaged: it ends too soon", "{format:?}");
        service.upload(&account.key, &whole).await;
    }
}
