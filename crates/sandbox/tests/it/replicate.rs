//! Replicate.

use crate::{
    lab::{Got, Lab, check, fetch},
    media::{mp4, picture, wav},
};
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};

const FLUX: &str = "/models/black-forest-labs/flux-1.1-pro/predictions";
const OCR: &str = "a524caeaa23495bc9edc805ab08ab5fe943afd3febed884a4f3747aa32e9cd61";
const IMAGE: &str = "https://images.example/a.png";

async fn create(lab: &Lab, path: &str, body: &Value) -> Value {
    let got = lab.post("replicate", path, body).await;
    assert_eq!(got.status, 201, "{got:?}");
    got.json()
}

async fn look(lab: &Lab, job: &Value) -> Value {
    let got = fetch(lab.client.get(job["urls"]["get"].as_str().unwrap()).bearer_auth("key")).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

/// The output of a job, three looks later.
async fn output(lab: &Lab, path: &str, body: &Value) -> Value {
    let job = create(lab, path, body).await;
    for status in ["processing", "processing"] {
        check(&look(lab, &job).await, &[("/status", json!(status)), ("/output", json!(null))]);
    }
    let job = look(lab, &job).await;
    check(&job, &[("/status", json!("succeeded")), ("/error", json!(null))]);
    job["output"].clone()
}

async fn official(lab: &Lab, slug: &str, input: Value) -> Value {
    output(lab, &format!("/models/{slug}/predictions"), &json!({"input": input})).await
}

#[tokio::test]
async fn a_prediction_starts_goes_on_and_succeeds() {
    let lab = Lab::start().await;
    let job = create(&lab, FLUX, &json!({"input": {"prompt": "a boat"}})).await;
    check(
        &job,
        &[
            ("/status", json!("starting")),
            ("/model", json!("black-forest-labs/flux-1.1-pro")),
            ("/version", json!("hidden")),
            ("/input", json!({"prompt": "a boat"})),
            ("/output", json!(null)),
            ("/error", json!(null)),
            ("/started_at", json!(null)),
            ("/data_removed", json!(false)),
            ("/created_at", json!("2026-11-22T00:00:00Z")),
        ],
    );
    for _ in 0..2 {
        check(&look(&lab, &job).await, &[("/status", json!("processing")), ("/completed_at", json!(null))]);
    }
    for _ in 0..2 {
        let job = look(&lab, &job).await;
        check(&job, &[("/status", json!("succeeded")), ("/metrics/image_count", json!(1))]);
        assert!(job["completed_at"].is_string());
        let result = lab.result(&job["output"]).await;
        assert_eq!(result.header("content-type"), Some("image/webp"));
        assert_eq!(picture(&result.bytes), (ImageFormat::WebP, 1024, 1024));
    }
}

#[tokio::test]
async fn outputs_have_the_shape_and_the_size_of_their_model() {
    let lab = Lab::start().await;
    for (slug, input, expected) in [
        (
            "black-forest-labs/flux-1.1-pro",
            json!({"prompt": "x", "aspect_ratio": "16:9", "output_format": "jpg"}),
            (ImageFormat::Jpeg, 1360, 768),
        ),
        (
            "black-forest-labs/flux-1.1-pro",
            json!({"prompt": "x", "aspect_ratio": "custom", "width": 768, "height": 1344}),
            (ImageFormat::WebP, 768, 1344),
        ),
        (
            "black-forest-labs/flux-kontext-pro",
            json!({"prompt": "x", "input_image": IMAGE}),
            (ImageFormat::Png, 1024, 1024),
        ),
        (
            "recraft-ai/recraft-v3",
            json!({"prompt": "x", "size": "1365x1024"}),
            (ImageFormat::WebP, 1365, 1024),
        ),
        (
            "google/nano-banana-pro",
            json!({"prompt": "x", "resolution": "1K"}),
            (ImageFormat::Jpeg, 1024, 1024),
        ),
        (
            "google/nano-banana-pro",
            json!({"prompt": "x", "resolution": "2K", "image_input": [IMAGE]}),
            (ImageFormat::Jpeg, 2048, 2048),
        ),
        (
            "black-forest-labs/flux-fill-pro",
            json!({"prompt": "x", "image": IMAGE, "mask": IMAGE}),
            (ImageFormat::Jpeg, 1024, 1024),
        ),
    ] {
        let url = official(&lab, slug, input).await;
        assert_eq!(picture(&lab.result(&url).await.bytes), expected, "{slug}");
    }
    let list = official(
        &lab,
        "stability-ai/stable-diffusion-3.5-large",
        json!({"prompt": "x", "output_format": "png"}),
    )
    .await;
    assert_eq!(picture(&lab.result(&list[0]).await.bytes).0, ImageFormat::Png);
    for (slug, input, seconds) in [
        ("kwaivgi/kling-v2.1", json!({"prompt": "x", "start_image": IMAGE}), 5),
        (
            "kwaivgi/kling-v2.1",
            json!({"prompt": "x", "start_image": IMAGE, "duration": 10, "mode": "pro"}),
            10,
        ),
        ("minimax/video-01", json!({"prompt": "x"}), 6),
    ] {
        let result = lab.result(&official(&lab, slug, input).await).await;
        assert_eq!(
            (result.header("content-type"), mp4(&result.bytes)),
            (Some("video/mp4"), seconds),
            "{slug}"
        );
    }
}

#[tokio::test]
async fn community_models_are_called_by_version() {
    let lab = Lab::start().await;
    let run = |version: &str, input: Value| json!({"version": version, "input": input});
    for (version, input, expected) in [
        (
            "nightmareai/real-esrgan:f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa",
            json!({"image": IMAGE, "scale": 2}),
            (ImageFormat::Png, 1024, 1024),
        ),
        (
            "d1d6ea8c8be89d664a07a457526f7128109dee7030fdac424788d762c71ed111",
            json!({"input_image": IMAGE, "swap_image": IMAGE}),
            (ImageFormat::Jpeg, 1024, 1024),
        ),
        (
            "a029dff38972b5fda4ec5d75d7d1cd25aeff621d2cf4946a41055d7db66b80bc",
            json!({"image": IMAGE}),
            (ImageFormat::Png, 1024, 1024),
        ),
        (
            "ca494ba129e44e45f661d6ece83c4c98a9a7c774309beca01429b58fce8aa695",
            json!({"image": IMAGE}),
            (ImageFormat::Png, 1024, 1024),
        ),
    ] {
        let url = output(&lab, "/predictions", &run(version, input)).await;
        assert_eq!(picture(&lab.result(&url).await.bytes), expected, "{version}");
    }
    let style = run(
        "f1023890703bc0a5a3a2c21b5e498833be5f6ef6e70e9daf6b9b3a4fd8309cf0",
        json!({"style_image": IMAGE, "number_of_images": 2}),
    );
    assert_eq!(output(&lab, "/predictions", &style).await.as_array().unwrap().len(), 2);
    let music = run(
        "671ac645ce5e552cc63a54a2bbff63fcf798043055d2dac5fc9e36a837eedcfb",
        json!({"prompt": "waves", "duration": 12}),
    );
    let url = output(&lab, "/predictions", &music).await;
    assert_eq!(wav(&lab.result(&url).await.bytes), (16_000, 12_000));
    let text = output(&lab, "/predictions", &run(OCR, json!({"image": IMAGE}))).await;
    assert!(text.as_str().unwrap().starts_with("SANDBOX\n"), "{text}");
    output(&lab, "/predictions", &run("minimax/video-01", json!({"prompt": "x"}))).await;
}

#[tokio::test]
async fn requests_that_are_refused() {
    let lab = Lab::start().await;
    let official = |slug: &str| format!("/models/{slug}/predictions");
    let kling = official("kwaivgi/kling-v2.1");
    for (path, body, status, words) in [
        (FLUX.to_owned(), json!({"input": {}}), 422, "- input.prompt: prompt is required"),
        (FLUX.to_owned(), json!({}), 422, "input is required"),
        (
            FLUX.to_owned(),
            json!({"input": {"prompt": "x", "aspect_ratio": "7:3"}}),
            422,
            "must be one of the following",
        ),
        (
            FLUX.to_owned(),
            json!({"input": {"prompt": "x", "output_quality": 101}}),
            422,
            "less than or equal to 100",
        ),
        (FLUX.to_owned(), json!({"input": {"prompt": "x", "width": 512}}), 422, "aspect_ratio=custom"),
        (
            FLUX.to_owned(),
            json!({"input": {"prompt": "x", "aspect_ratio": "custom", "width": 500, "height": 512}}),
            422,
            "multiple of 32",
        ),
        (FLUX.to_owned(), json!({"input": {"prompt": "x", "negative_prompt": "y"}}), 422, "not allowed"),
        (FLUX.to_owned(), json!({"input": {"prompt": 7}}), 422, "Invalid type"),
        (FLUX.to_owned(), json!({"input": {"prompt": "x"}, "webhook": "ftp://x"}), 422, "HTTPS"),
        (
            FLUX.to_owned(),
            json!({"input": {"prompt": "x"}, "webhook_events_filter": ["end"]}),
            422,
            "completed",
        ),
        (kling.clone(), json!({"input": {"prompt": "x"}}), 422, "start_image is required"),
        (kling.clone(), json!({"input": {"prompt": "x", "start_image": "a.png"}}), 422, "uri"),
        (
            kling.clone(),
            json!({"input": {"prompt": "x", "start_image": IMAGE, "duration": 7}}),
            422,
            "duration",
        ),
        (
            kling.clone(),
            json!({"input": {"prompt": "x", "start_image": IMAGE, "duration": "5"}}),
            422,
            "integer",
        ),
        (kling, json!({"input": {"prompt": "x", "start_image": IMAGE, "end_image": IMAGE}}), 422, "mode pro"),
        (
            FLUX.to_owned(),
            json!({"input": {"prompt": "x", "image_prompt": format!("data:image/png;base64,{}", "A".repeat(400_000))}}),
            422,
            "256kb",
        ),
        (official("meta/musicgen"), json!({"input": {}}), 422, "Invalid version or not permitted"),
        (official("acme/dream"), json!({"input": {}}), 404, "could not be found"),
        ("/predictions".to_owned(), json!({"input": {}}), 422, "version is required"),
        (
            "/predictions".to_owned(),
            json!({"version": "0".repeat(64), "input": {}}),
            422,
            "Invalid version or not permitted",
        ),
        ("/predictions".to_owned(), json!({"version": OCR, "input": {"prompt": "x"}}), 422, "not allowed"),
        (
            "/predictions".to_owned(),
            json!({"version": "meta/musicgen", "input": {}}),
            422,
            "Invalid version or not permitted",
        ),
    ] {
        let got = lab.post("replicate", &path, &body).await;
        assert_eq!(got.status, status, "{path} {got:?}");
        assert_eq!(got.json()["status"], status);
        assert!(
            got.json()["detail"].as_str().unwrap().contains(words) || got.json()["title"] == words,
            "{got:?}"
        );
    }
    for path in ["/predictions/nothing", "/files/nothing", "/nowhere"] {
        assert_eq!(lab.get("replicate", path).await.status, 404, "{path}");
    }
    let got = fetch(lab.client.get(lab.sandbox.base_url("replicate").unwrap() + "/predictions/x")).await;
    assert_eq!((got.status, &got.json()["title"]), (401, &json!("Unauthenticated")));
    let got = fetch(lab.request(Method::PUT, "replicate", "/predictions")).await;
    assert_eq!(got.status, 405);
}

#[tokio::test]
async fn jobs_are_cancelled_until_they_end() {
    let lab = Lab::start().await;
    let cancel = |id: &Value| format!("/predictions/{}/cancel", id.as_str().unwrap());
    let job = create(&lab, FLUX, &json!({"input": {"prompt": "[[fault:job-stuck]]"}})).await;
    for _ in 0..5 {
        look(&lab, &job).await;
    }
    let got = lab.post("replicate", &cancel(&job["id"]), &Value::Null).await;
    check(&got.json(), &[("/status", json!("canceled")), ("/output", json!(null))]);
    check(&look(&lab, &job).await, &[("/status", json!("canceled"))]);

    let job = create(&lab, FLUX, &json!({"input": {"prompt": "a boat"}})).await;
    for _ in 0..3 {
        look(&lab, &job).await;
    }
    let got = lab.post("replicate", &cancel(&job["id"]), &Value::Null).await;
    check(&got.json(), &[("/status", json!("succeeded"))]);
    assert_eq!(lab.post("replicate", "/predictions/nothing/cancel", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn files_are_kept_until_they_are_deleted() {
    let lab = Lab::start().await;
    let got: Got =
        lab.form("replicate", "/files", &[("content", Some(("a.png", "image/png")), b"12345")]).await;
    assert_eq!(got.status, 201);
    check(
        &got.json(),
        &[
            ("/name", json!("a.png")),
            ("/content_type", json!("image/png")),
            ("/size", json!(5)),
            ("/checksums/sha256", json!("5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5")),
        ],
    );
    let url = got.json()["urls"]["get"].as_str().unwrap().to_owned();
    let again = |method: Method| fetch(lab.client.request(method, &url).bearer_auth("key"));
    assert_eq!(again(Method::GET).await.json(), got.json());
    assert_eq!(again(Method::DELETE).await.status, 204);
    assert_eq!(again(Method::GET).await.status, 404);
    let got = lab.form("replicate", "/files", &[("file", Some(("a.png", "image/png")), b"12345")]).await;
    assert_eq!(got.status, 422);
}

#[tokio::test]
async fn data_urls_are_not_repeated() {
    let lab = Lab::start().await;
    let image = format!("data:image/png;base64,{}", "A".repeat(1_000));
    let body = json!({"input": {"prompt": "x", "image_prompt": image}});
    let job = create(&lab, FLUX, &body).await;
    assert!(job["input"]["image_prompt"].as_str().unwrap().len() < 50, "{job}");
}
