//! What is said to Replicate.

use super::{PROMPT, URL, face_swap, flux, start};
use crate::{
    jobs::check_requests,
    media_subject::{call, media},
};
use domain::{media::MediaCall, port::ProviderErrorKind::RejectedRequest};
use serde_json::{Value, json};

fn input(call: &MediaCall) -> Value {
    start(call)["body"]["json"]["input"].clone()
}

#[test]
fn every_model_says_all_it_takes() {
    let banana = json!({ "prompt": PROMPT, "image_url": URL, "aspect_ratio": "4:5", "format": "jpeg" });
    let kling = json!({ "prompt": PROMPT, "image_url": URL, "negative_prompt": "fog", "duration": 10 });
    let style = "digital_illustration/pixel_art";
    check_requests(
        "replicate",
        &[
            ("flux-1.1-pro", json!({ "prompt": PROMPT, "size": "768x1344", "seed": 7, "format": "jpeg" })),
            (
                "flux-kontext-pro",
                json!({
                    "prompt": PROMPT, "image_url": URL, "aspect_ratio": "21:9", "seed": 7, "format": "jpeg",
                }),
            ),
            ("sd-3.5-large", json!({ "prompt": PROMPT, "size": "1344x768", "seed": 7, "format": "png" })),
            ("recraft-v3", json!({ "prompt": PROMPT, "size": "1820x1024", "style": style, "format": "png" })),
            ("nano-banana-pro", banana.clone()),
            ("nano-banana-pro-2k", banana),
            ("kling-v2.1", kling.clone()),
            ("kling-v2.1-pro", kling),
            ("minimax-video", json!({ "prompt": PROMPT, "image_url": URL })),
            ("musicgen", json!({ "prompt": PROMPT, "duration": 45 })),
            ("upscale", json!({ "image_url": URL, "scale": 4, "format": "png" })),
            ("face-swap", json!({ "image_url": URL, "face_url": URL, "format": "png" })),
            ("remove-bg", json!({ "image_url": URL, "format": "png" })),
            ("style-transfer", json!({ "image_url": URL, "style_url": URL, "format": "png" })),
            ("colorize", json!({ "image_url": URL, "format": "png" })),
            ("inpaint", json!({ "image_url": URL, "mask_url": URL, "prompt": PROMPT, "format": "jpeg" })),
            ("text-ocr", json!({ "image_url": URL })),
        ],
    );
}

#[test]
fn what_a_client_leaves_out_is_left_out_or_the_default() {
    let check = |slug: &str, expected: Value| {
        assert_eq!(input(&call(slug, &json!({ "prompt": PROMPT }))), expected, "{slug}");
    };
    let square = json!({
        "prompt": PROMPT, "aspect_ratio": "custom", "width": 1024, "height": 1024, "output_format": "webp",
    });
    check("flux-1.1-pro", square);
    check(
        "nano-banana-pro",
        json!({
            "prompt": PROMPT, "aspect_ratio": "match_input_image", "resolution": "1K", "output_format": "png",
        }),
    );
    check("minimax-video", json!({ "prompt": PROMPT }));
    check("musicgen", json!({ "prompt": PROMPT, "duration": 30, "output_format": "mp3" }));
}

#[test]
fn sizes_are_said_as_each_model_has_them() {
    let check = |slug: &str, size: &str, expected: Value| {
        let said = input(&call(slug, &json!({ "prompt": PROMPT, "size": size })));
        let shape = json!([said["aspect_ratio"], said["width"], said["height"]]);
        assert_eq!(shape, expected, "{slug} {size}");
    };
    check("flux-1.1-pro", "1024x1024", json!(["custom", 1024, 1024]));
    check("flux-1.1-pro", "768x1344", json!(["custom", 768, 1344]));
    check("flux-1.1-pro", "1344x768", json!(["custom", 1344, 768]));
    check("flux-1.1-pro", "1024x1536", json!(["2:3", null, null]));
    check("flux-1.1-pro", "1536x1024", json!(["3:2", null, null]));
    check("sd-3.5-large", "1024x1024", json!(["1:1", null, null]));
    check("sd-3.5-large", "768x1344", json!(["9:16", null, null]));
    check("sd-3.5-large", "1344x768", json!(["16:9", null, null]));
}

#[test]
fn formats_are_said_where_the_model_makes_them() {
    let check = |slug: &str, given: Value, expected: [&str; 3]| {
        for (format, expected) in ["webp", "png", "jpeg"].into_iter().zip(expected) {
            let mut given = given.clone();
            given["format"] = json!(format);
            assert_eq!(input(&call(slug, &given))["output_format"], expected, "{slug} {format}");
        }
    };
    let words = json!({ "prompt": PROMPT });
    let edit = json!({ "prompt": PROMPT, "image_url": URL, "mask_url": URL });
    let two = json!({ "image_url": URL, "style_url": URL });
    check("flux-1.1-pro", words.clone(), ["webp", "png", "jpg"]);
    check("sd-3.5-large", words.clone(), ["webp", "png", "jpg"]);
    check("style-transfer", two, ["webp", "png", "jpg"]);
    check("nano-banana-pro", words, ["png", "png", "jpg"]);
    check("flux-kontext-pro", json!({ "prompt": PROMPT, "image_url": URL }), ["png", "png", "jpg"]);
    check("inpaint", edit, ["png", "png", "jpg"]);
}

#[test]
fn versions_are_the_operators_to_set() {
    let check = |mut call: MediaCall, version: Option<&str>, path: &str, expected: Value| {
        call.upstream.params.extend(version.map(|version| ("version".to_owned(), version.to_owned())));
        let said = start(&call);
        assert_eq!((&said["path"], &said["body"]["json"]["version"]), (&json!(path), &expected));
        assert_eq!(said["body"]["json"]["input"]["version"], Value::Null);
    };
    let official = "/models/black-forest-labs/flux-1.1-pro/predictions";
    let known = "d1d6ea8c8be89d664a07a457526f7128109dee7030fdac424788d762c71ed111";
    check(flux(), None, official, Value::Null);
    check(flux(), Some("abc"), "/predictions", json!("abc"));
    check(face_swap(), None, "/predictions", json!(known));
    check(face_swap(), Some("abc"), "/predictions", json!("abc"));
    let mut other = face_swap();
    other.upstream.model = "codeplugtech/face-swap".to_owned();
    let its = "278a81e7ebb22db98bcba54de985d22cc1abeead2754eb1f2af717247be69b34";
    check(other, None, "/predictions", json!(its));
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let check = |call: &MediaCall, name: &str| {
        let error = media(call).start(call).unwrap_err();
        assert_eq!(error.kind, RejectedRequest);
        assert!(error.message.contains(name), "{}", error.message);
    };
    let model = |mut call: MediaCall, model: &str| {
        call.upstream.model = model.to_owned();
        call
    };
    check(&model(flux(), "acme/flux"), "acme/flux");
    check(&model(flux(), "minimax/video-01"), "format");
    check(&model(flux(), "google/nano-banana-pro"), "size");
    check(&model(face_swap(), "piddnad/ddcolor"), "face_url");
    let mut large = call("sd-3.5-large", &json!({ "prompt": PROMPT }));
    large.params = call("flux-1.1-pro", &json!({ "prompt": PROMPT, "size": "1024x1536" })).params;
    check(&large, "1024x1536");
    let mut unknown = flux();
    unknown.upstream.params.insert("resolution".into(), "2K".into());
    check(&unknown, "resolution");
    let mut lost = face_swap();
    lost.inputs.remove("face_url");
    check(&lost, "face_url");
    let mut no_file = flux();
    no_file.inputs = [("prompt".to_owned(), face_swap().inputs["face_url"].clone())].into();
    check(&no_file, "prompt");
}

#[test]
fn addresses_to_call_back_are_passed_on_where_they_are_taken() {
    let check = |url: &str, webhook: Value, filter: Value| {
        let body = start(&MediaCall { callback_url: Some(url.to_owned()), ..flux() })["body"]["json"].clone();
        assert_eq!((&body["webhook"], &body["webhook_events_filter"]), (&webhook, &filter));
    };
    check("https://example.com/hook", json!("https://example.com/hook"), json!(["completed"]));
    check("http://example.com/hook", Value::Null, Value::Null);
    check("http://127.0.0.1:8080/hook", json!("http://127.0.0.1:8080/hook"), json!(["completed"]));
}
