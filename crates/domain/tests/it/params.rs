//! Reading what a client sent against what a model takes.

use crate::{CATALOG, model, object};
use domain::{
    catalog::{Category, Purpose},
    params::{FieldError, Milli, ParamSpec, ParamValue, Params},
};
use serde_json::{Value, json};

fn read(slug: &str, params: &Value, purpose: Purpose) -> Result<Params, Vec<FieldError>> {
    model(slug).read_params(object(params), purpose)
}

fn taken(slug: &str, params: &Value) -> Params {
    let read = read(slug, params, Purpose::Generate);
    assert!(read.is_ok(), "{slug} {params}: {read:?}");
    read.unwrap()
}

/// Exactly these fields are refused, in this order.
fn check_refused(slug: &str, params: &Value, purpose: Purpose, fields: &[&str]) {
    let errors = read(slug, params, purpose).unwrap_err();
    let named: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(named, fields, "{slug} {params}: {errors:?}");
    assert!(errors.iter().all(|error| !error.message.is_empty()));
}

/// Exactly this field is refused, and what is allowed is named.
fn check_allowed(slug: &str, params: &Value, field: &str, allowed: &[&str]) {
    let errors = read(slug, params, Purpose::Quote).unwrap_err();
    let named: Vec<_> = errors.iter().map(|error| (error.field.as_str(), error.allowed.clone())).collect();
    let allowed: Vec<String> = allowed.iter().map(|&value| value.to_owned()).collect();
    assert_eq!(named, [(field, Some(allowed))], "{slug} {params}");
}

#[test]
fn what_is_allowed_is_named() {
    let names = ["format", "prompt", "quality", "size", "style"];
    check_allowed("dall-e-3", &json!({"seed": 1}), "seed", &names);
    check_allowed("dall-e-3", &json!({"Size": "1024x1024"}), "Size", &names);
    check_allowed("dall-e-3", &json!({"quality": "ultra"}), "quality", &["standard", "hd"]);
    check_allowed("dall-e-3", &json!({"quality": 1}), "quality", &["standard", "hd"]);
    check_allowed("dall-e-3", &json!({"format": "gif"}), "format", &["webp", "png", "jpeg"]);
    let sizes = ["1024x1024", "1024x1792", "1792x1024"];
    check_allowed("dall-e-3", &json!({"size": "512x512"}), "size", &sizes);
    check_allowed("kling-v2.1", &json!({"duration": 7}), "duration", &["5", "10"]);
    check_allowed("kling-v2.1", &json!({"duration": "5"}), "duration", &["5", "10"]);
    check_allowed("kling-v2.1", &json!({"duration": 5.5}), "duration", &["5", "10"]);
    check_allowed("musicgen", &json!({"duration": 14}), "duration", &["15..120"]);
    check_allowed("musicgen", &json!({"duration": 121}), "duration", &["15..120"]);
    check_allowed("musicgen", &json!({"duration": 30.5}), "duration", &["15..120"]);
    check_allowed("elevenlabs-v2", &json!({"speed": 1.3}), "speed", &["0.7..1.2"]);
    check_allowed("elevenlabs-scribe", &json!({"diarize": "yes"}), "diarize", &["true", "false"]);
    check_allowed("whisper", &json!({"diarize": true}), "diarize", &["language"]);
    check_allowed("gpt-5-nano", &json!({"max_tokens": 8_193}), "max_tokens", &["1..8192"]);
    check_allowed("gpt-5-nano", &json!({"max_tokens": 0}), "max_tokens", &["1..8192"]);
    check_allowed("gpt-5.2-pro", &json!({"max_tokens": 15}), "max_tokens", &["16..3072"]);
    let text_names = ["max_tokens", "messages", "prompt", "system"];
    check_allowed("deepseek-r1", &json!({"temperature": 1}), "temperature", &text_names);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = json!({"size": "1x1", "quality": "best", "seed": 7, "format": "webp"});
    check_refused("dall-e-3", &wrong, Purpose::Generate, &["quality", "seed", "size", "prompt"]);
    check_refused("dall-e-3", &wrong, Purpose::Quote, &["quality", "seed", "size"]);
    let wrong = json!({"prompt": "?", "max_tokens": 0, "temperature": 3, "top_k": 1});
    check_refused("deepseek-v3", &wrong, Purpose::Generate, &["max_tokens", "temperature", "top_k"]);
}

#[test]
fn null_counts_as_absent() {
    let nulls = json!({"prompt": "a fox", "size": null, "quality": null, "no_such_parameter": null});
    let params = taken("dall-e-3", &nulls);
    assert_eq!((params.text("size"), params.text("quality")), (Some("1024x1024"), Some("standard")));
    check_refused("dall-e-3", &json!({"prompt": null}), Purpose::Generate, &["prompt"]);
    taken("gpt-5", &json!({"prompt": "?", "messages": null, "temperature": null}));
    check_refused("gpt-5", &json!({"prompt": null, "messages": null}), Purpose::Generate, &["prompt"]);
}

#[test]
fn a_quote_needs_no_content_and_a_generation_does() {
    for model in CATALOG.models() {
        read(&model.slug, &json!({}), Purpose::Quote).unwrap();
        let required: &[&str] = match (model.category, model.slug.as_str()) {
            (Category::Stt, _) => &[],
            (Category::Tts, _) => &["text"],
            (Category::Tool, "face-swap") => &["face_url", "image_url"],
            (Category::Tool, "style-transfer") => &["image_url", "style_url"],
            (Category::Tool, "inpaint") => &["image_url", "mask_url", "prompt"],
            (Category::Tool, _) => &["image_url"],
            (_, "flux-kontext-pro" | "kling-v2.1" | "kling-v2.1-pro" | "mj-video-480p" | "mj-video-720p") => {
                &["image_url", "prompt"]
            }
            _ => &["prompt"],
        };
        let missing = model.read_params(object(&json!({})), Purpose::Generate);
        let fields: Vec<String> = missing.err().unwrap_or_default().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, required, "{}", model.slug);
    }
}

#[test]
fn defaults_complete_a_request() {
    let check = |slug: &str, given: Value, expected: Value| {
        let shown = |value: &ParamValue| match value {
            ParamValue::Text(text) => json!(text),
            ParamValue::Integer(number) => json!(number),
            ParamValue::Decimal(milli) => milli.to_json(),
            ParamValue::Boolean(truth) => json!(truth),
            ParamValue::Messages(messages) => json!(messages.len()),
        };
        let params = taken(slug, &given);
        let read = params.iter().map(|(name, value)| (name.to_owned(), shown(value)));
        assert_eq!(Value::Object(read.collect()), expected, "{slug}");
    };
    let dall_e = json!({
        "prompt": "a fox", "size": "1024x1024", "quality": "hd", "style": "vivid", "format": "webp",
    });
    check("dall-e-3", json!({"prompt": "a fox", "quality": "hd"}), dall_e);
    let flash = json!({"prompt": "a fox", "duration": 5, "aspect_ratio": "16:9"});
    check("luma-ray2-flash", json!({"prompt": "a fox"}), flash);
    check("musicgen", json!({"prompt": "waltz"}), json!({"prompt": "waltz", "duration": 30}));
    check(
        "elevenlabs-v2",
        json!({"text": "hi", "speed": 0.9}),
        json!({"text": "hi", "speed": 0.9, "format": "mp3", "voice_id": "JBFqnCBsd6RMkjVDRZzb"}),
    );
    check("elevenlabs-scribe", json!({}), json!({"diarize": false}));
    check("gpt-5", json!({"prompt": "?"}), json!({"prompt": "?", "max_tokens": 2_048}));
    let upscaled = json!({"image_url": "https://example.com/a.png", "scale": 2, "format": "webp"});
    check("upscale", json!({"image_url": "https://example.com/a.png"}), upscaled);
}

#[test]
fn every_picture_can_be_asked_for_in_a_format() {
    let pictures = CATALOG.models().iter().filter(|model| {
        model.category == Category::Image || (model.category == Category::Tool && model.slug != "text-ocr")
    });
    for model in pictures {
        let Some(ParamSpec::Choice { allowed, default }) = model.params.get("format") else {
            panic!("{} has no format", model.slug);
        };
        assert_eq!(default.as_deref(), Some("webp"), "{}", model.slug);
        // What was cut out needs a transparent background, which JPEG lacks.
        let formats: &[&str] =
            if model.slug == "remove-bg" { &["webp", "png"] } else { &["webp", "png", "jpeg"] };
        assert_eq!(allowed, formats, "{}", model.slug);
    }
}

#[test]
fn lengths_of_texts() {
    let check = |slug: &str, field: &str, max_chars: usize| {
        let given = |text: String| json!({field: text});
        // Characters are counted, not bytes.
        read(slug, &given("ы".repeat(max_chars)), Purpose::Quote).unwrap();
        check_refused(slug, &given("ы".repeat(max_chars + 1)), Purpose::Quote, &[field]);
        check_refused(slug, &given(String::new()), Purpose::Quote, &[field]);
        check_refused(slug, &given(" \n".to_owned()), Purpose::Quote, &[field]);
        check_refused(slug, &json!({field: 7}), Purpose::Quote, &[field]);
    };
    check("dall-e-3", "prompt", 4_000);
    check("recraft-v3", "prompt", 1_000);
    check("elevenlabs-music", "prompt", 4_100);
    check("kling-v2.1", "negative_prompt", 2_000);
    check("elevenlabs-flash", "text", 5_000);
}

#[test]
fn addresses() {
    let given = |url: &str| json!({"image_url": url});
    for url in ["https://example.com/a.png", "http://127.0.0.1:8080/files/x"] {
        assert_eq!(taken("colorize", &given(url)).text("image_url"), Some(url));
    }
    let long = format!("https://example.com/{}", "a".repeat(2_048));
    let wrong = [
        "",
        "example.com/a.png",
        "ftp://example.com/a.png",
        "data:image/png;base64,AAAA",
        "https://example.com/a b.png",
        "https://example.com/a\n.png",
        &long,
    ];
    for url in wrong {
        check_refused("colorize", &given(url), Purpose::Generate, &["image_url"]);
    }
    check_refused(
        "colorize",
        &json!({"image_url": ["https://example.com/a.png"]}),
        Purpose::Generate,
        &["image_url"],
    );
}

#[test]
fn decimals() {
    let check = |slug: &str, value: Value, expected: Option<i64>| {
        let given = json!({"prompt": "?", "temperature": value});
        match expected {
            Some(milli) => {
                assert_eq!(taken(slug, &given).decimal("temperature"), Some(Milli(milli)), "{given}")
            }
            None => check_refused(slug, &given, Purpose::Generate, &["temperature"]),
        }
    };
    check("deepseek-v3", json!(1), Some(1_000));
    check("deepseek-v3", json!(0), Some(0));
    check("deepseek-v3", json!(2), Some(2_000));
    check("deepseek-v3", json!(0.7), Some(700));
    check("deepseek-v3", json!(0.70000001), Some(700));
    check("deepseek-v3", serde_json::from_str("1e-1").unwrap(), Some(100));
    check("deepseek-v3", serde_json::from_str("1E0").unwrap(), Some(1_000));
    check("deepseek-v3", json!("0.7"), None);
    check("deepseek-v3", json!(true), None);
    check("deepseek-v3", json!(3), None);
    check("deepseek-v3", json!(-0.1), None);
    check("deepseek-v3", json!(1e300), None);
    check("deepseek-v3", json!(u64::MAX), None);
    check("claude-haiku-4.5", json!(1), Some(1_000));
    check("claude-haiku-4.5", json!(1.1), None);
    check("gpt-5", json!(1), Some(1_000));
    check("gpt-5", json!(1.0), Some(1_000));
    check("gpt-5", json!(0.7), None);
    check("gemini-3-pro", json!(2), Some(2_000));
    check("grok-4-fast", json!(2.01), None);
}

#[test]
fn anthropic_takes_one_kind_of_sampling() {
    for slug in ["claude-haiku-4.5", "claude-sonnet-4.5", "claude-opus-4.5"] {
        let both = json!({"prompt": "?", "temperature": 0.5, "top_p": 0.5});
        check_refused(slug, &both, Purpose::Generate, &["top_p"]);
        taken(slug, &json!({"prompt": "?", "temperature": 0.5, "top_p": null}));
        taken(slug, &json!({"prompt": "?", "top_p": 0.5}));
    }
    taken("deepseek-v3", &json!({"prompt": "?", "temperature": 0.5, "top_p": 0.5}));
}
