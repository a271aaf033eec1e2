//! Luma.

use crate::{
    lab::{Lab, check, fetch},
    media::{mp4, picture},
};
use image::ImageFormat;
use reqwest::Method;
use serde_json::{Value, json};

/// Creates a generation and looks at it until it is complete.
async fn complete(lab: &Lab, kind: &str, body: &Value) -> Value {
    let got = lab.post("luma", &format!("/generations/{kind}"), body).await;
    assert_eq!(got.status, 201, "{got:?}");
    let job = got.json();
    check(
        &job,
        &[
            ("/state", json!("queued")),
            ("/assets", json!(null)),
            ("/failure_reason", json!(null)),
            ("/generation_type", json!(kind)),
            ("/model", body["model"].clone()),
            ("/request/prompt", body["prompt"].clone()),
        ],
    );
    let path = format!("/generations/{}", job["id"].as_str().unwrap());
    for _ in 0..2 {
        check(
            &lab.get("luma", &path).await.json(),
            &[("/state", json!("dreaming")), ("/assets", json!(null))],
        );
    }
    let job = lab.get("luma", &path).await.json();
    check(&job, &[("/state", json!("completed"))]);
    job
}

#[tokio::test]
async fn pictures() {
    let lab = Lab::start().await;
    for (changes, expected) in [
        (json!({}), (ImageFormat::Jpeg, 1360, 768)),
        (json!({"aspect_ratio": "1:1", "format": "png"}), (ImageFormat::Png, 1024, 1024)),
        (
            json!({"aspect_ratio": "9:21", "image_ref": [{"url": "https://images.example/a.png", "weight": 0.5}]}),
            (ImageFormat::Jpeg, 672, 1568),
        ),
    ] {
        let mut body = json!({"model": "photon-1", "prompt": "a boat"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let job = complete(&lab, "image", &body).await;
        assert_eq!(picture(&lab.result(&job["assets"]["image"]).await.bytes), expected);
    }
}

#[tokio::test]
async fn films() {
    let lab = Lab::start().await;
    for (changes, seconds) in [
        (json!({}), 5),
        (json!({"duration": "9s", "aspect_ratio": "1:1", "resolution": "1080p"}), 9),
        (json!({"keyframes": {"frame0": {"type": "image", "url": "https://images.example/a.png"}}}), 5),
    ] {
        let mut body = json!({"model": "ray-2", "prompt": "a boat"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let job = complete(&lab, "video", &body).await;
        assert_eq!(mp4(&lab.result(&job["assets"]["video"]).await.bytes), seconds);
    }
}

#[tokio::test]
async fn requests_that_are_refused() {
    let lab = Lab::start().await;
    let frame = |frame: Value| json!({"model": "ray-2", "prompt": "x", "keyframes": {"frame0": frame}});
    for (kind, body, place) in [
        ("video", json!({"prompt": "x"}), json!(["body", "model"])),
        ("video", json!({"model": "photon-1", "prompt": "x"}), json!(["body", "model"])),
        ("video", json!({"model": "ray-2", "prompt": "x", "duration": 5}), json!(["body", "duration"])),
        ("video", json!({"model": "ray-2", "prompt": "x", "duration": "7s"}), json!(["body", "duration"])),
        (
            "video",
            json!({"model": "ray-2", "prompt": "x", "resolution": "720"}),
            json!(["body", "resolution"]),
        ),
        ("video", json!({"model": "ray-2", "prompt": "x", "seed": 1}), json!(["body", "seed"])),
        (
            "video",
            frame(json!({"type": "image", "url": "data:image/png;base64,AA=="})),
            json!(["body", "keyframes", "frame0", "url"]),
        ),
        (
            "video",
            frame(json!({"url": "https://images.example/a.png"})),
            json!(["body", "keyframes", "frame0", "type"]),
        ),
        (
            "image",
            json!({"model": "photon-1", "prompt": "x", "aspect_ratio": "2:3"}),
            json!(["body", "aspect_ratio"]),
        ),
        ("image", json!({"model": "photon-1", "prompt": "x", "format": "webp"}), json!(["body", "format"])),
        (
            "image",
            json!({"model": "photon-1", "image_ref": [{"url": "data:image/png;base64,AA=="}]}),
            json!(["body", "image_ref", 0, "url"]),
        ),
    ] {
        let got = lab.post("luma", &format!("/generations/{kind}"), &body).await;
        assert_eq!(got.status, 422, "{body} {got:?}");
        check(&got.json(), &[("/detail/0/loc", place)]);
    }
    let got = fetch(lab.client.get(lab.sandbox.base_url("luma").unwrap() + "/generations/x")).await;
    assert_eq!((got.status, got.json()), (401, json!({"detail": "Not authenticated"})));
}

#[tokio::test]
async fn generations_are_deleted() {
    let lab = Lab::start().await;
    let job = complete(&lab, "image", &json!({"model": "photon-flash-1", "prompt": "a boat"})).await;
    let path = format!("/generations/{}", job["id"].as_str().unwrap());
    let got = fetch(lab.request(Method::DELETE, "luma", &path)).await;
    assert_eq!((got.status, got.body.as_str()), (204, ""));
    for method in [Method::DELETE, Method::GET] {
        let got = fetch(lab.request(method, "luma", &path)).await;
        assert_eq!((got.status, got.json()), (404, json!({"detail": "Generation not found"})));
    }
}
