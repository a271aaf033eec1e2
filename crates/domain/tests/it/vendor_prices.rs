//! What vendors charge, against what a price earns.

use crate::{CATALOG, model, object};
use domain::{
    catalog::{Limits, Measured, Model, Purpose, Remedy},
    port::Usage,
};
use serde_json::{Value, json};

#[test]
fn charges_follow_from_what_was_made() {
    let check = |slug: &str, params: Value, measured: Measured, expected: Option<i64>| {
        let params = model(slug).read_params(object(&params), Purpose::Quote).unwrap();
        assert_eq!(model(slug).vendor_cost_micro_usd(&params, measured), expected, "{slug} {params:?}");
    };
    let nothing = Measured::default();
    let sound = |ms| Measured { input_audio_ms: Some(ms), ..nothing };
    let usage = Usage { input_tokens: 1_000, cached_input_tokens: 400, output_tokens: 100 };
    let tokens = Measured { usage: Some(usage), ..nothing };
    // 600 × 1.25 + 400 × 0.125 + 100 × 10 dollars a million.
    check("gpt-5", json!({}), tokens, Some(1_800));
    check("gpt-5", json!({}), nothing, None);
    check("flux-1.1-pro", json!({}), nothing, Some(40_000));
    check("kling-v2.1", json!({}), nothing, Some(250_000));
    check("kling-v2.1", json!({"duration": 10}), nothing, Some(500_000));
    check("openai-tts", json!({"text": "я".repeat(1_000)}), nothing, Some(15_000));
    check("openai-tts", json!({"text": "я", "voice_id": "sage"}), nothing, Some(15));
    // Han counts twice at MiniMax, kana and signs once.
    check("minimax-tts", json!({"text": "x".repeat(100)}), nothing, Some(6_000));
    check("minimax-tts", json!({"text": "漢".repeat(100)}), nothing, Some(12_000));
    check("minimax-tts", json!({"text": "𠀀か、！ﷺ"}), nothing, Some(360));
    check("whisper", json!({}), sound(60_000), Some(6_000));
    check("whisper", json!({}), sound(1), Some(1));
    check("whisper", json!({}), nothing, Some(36_000));
    check("dall-e-3", json!({"quality": "hd", "size": "1792x1024"}), nothing, Some(120_000));
    check("dall-e-3", json!({"prompt": "a cat"}), nothing, Some(40_000));
    // A character of the prompt counts as two tokens, a picture as 500.
    check("gpt-image-1.5", json!({"prompt": "x".repeat(100)}), nothing, Some(35_000));
    let edited = json!({"prompt": "x".repeat(100), "image_url": "https://example.org/a.png"});
    check("gpt-image-1.5", edited, nothing, Some(39_000));
    let most = Usage { input_tokens: i64::MAX, cached_input_tokens: 0, output_tokens: i64::MAX };
    check("gpt-5", json!({}), Measured { usage: Some(most), ..nothing }, Some(i64::MAX / 1_000_000));
}

#[test]
fn no_price_is_below_its_vendors_worst_but_these() {
    let loses = |model: &&Model| model.remedy(CATALOG.token_value_micro_usd()).is_some();
    let losing: Vec<(&str, Option<Remedy>)> = (CATALOG.models().iter().filter(loses))
        .map(|model| (model.slug.as_str(), model.remedy(CATALOG.token_value_micro_usd())))
        .collect();
    let music = Remedy::Limit { name: "params.duration.max", most: 78 };
    assert_eq!(losing, [("nano-banana-pro", Some(Remedy::None)), ("elevenlabs-music", Some(music))]);
    for model in CATALOG.models() {
        let worst = model.worst_case(CATALOG.token_value_micro_usd()).unwrap();
        assert!(worst.vendor_cost_micro_usd > 0, "{}", model.slug);
        assert!(
            worst.vendor_cost_micro_usd <= model.worst_vendor_cost_micro_usd().unwrap(),
            "{}",
            model.slug
        );
    }
}

#[test]
fn the_worst_case_is_held_against_its_own_price() {
    let worst = |slug: &str| {
        let worst = model(slug).worst_case(18_000).unwrap();
        (worst.vendor_cost_micro_usd, worst.price_tokens, worst.loss_micro_usd(18_000))
    };
    // The longest prompt and a picture in the cheapest cell, not the dearest one.
    assert_eq!(worst("gpt-image-1.5"), (18_000, 1, 0));
    assert_eq!(worst("kling-v2.1"), (250_000, 44, -542_000));
    assert_eq!(model("gpt-image-1.5").worst_vendor_cost_micro_usd(), Some(209_000));
    assert_eq!(model("kling-v2.1").worst_vendor_cost_micro_usd(), Some(500_000));
}

#[test]
fn a_limit_that_would_do_is_named() {
    let check = |slug: &str, limits: Limits, expected: Option<Remedy>| {
        let mut model = model(slug).clone();
        model.override_limits(limits).unwrap();
        assert_eq!(model.remedy(18_000), expected, "{slug} {limits:?}");
    };
    let limit = |name: &'static str, most: i64| Some(Remedy::Limit { name, most });
    let limits = Limits::default();
    // Without one of its own, the vendor's limit on the text stands.
    check("openai-tts", limits, limit("max_input_chars", 3_600));
    check("minimax-tts", Limits { max_input_chars: Some(301), ..limits }, limit("max_input_chars", 300));
    check("minimax-tts", Limits { max_input_chars: Some(300), ..limits }, None);
    check("elevenlabs-v2", limits, None);
    check("gpt-image-1.5", Limits { max_input_chars: Some(90_000), ..limits }, limit("max_input_chars", 500));
    check("whisper", Limits { max_audio_s: Some(3_600), ..limits }, limit("max_audio_s", 360));
    let text =
        |chars, tokens| Limits { max_input_chars: Some(chars), max_output_tokens: Some(tokens), ..limits };
    // 36,000 micro-dollars less 12,000 tokens in at 1.25, in tokens out at 10.
    check("gpt-5", text(6_000, 4_096), limit("max_output_tokens", 2_100));
    check("gpt-5", text(100_000, 1), Some(Remedy::None));
}

#[test]
fn limits_bound_what_is_drawn_and_spoken() {
    let check = |slug: &str, name: &str, chars: usize, is_taken: bool| {
        let read = model(slug).read_params(object(&json!({ name: "я".repeat(chars) })), Purpose::Generate);
        match read {
            Ok(_) => assert!(is_taken, "{slug} {chars}"),
            Err(errors) => {
                let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
                assert_eq!((fields, is_taken), (vec![name], false), "{slug} {chars}");
            }
        }
    };
    for (slug, name, most) in [
        ("minimax-tts", "text", 300),
        ("openai-tts", "text", 3_600),
        ("elevenlabs-flash", "text", 5_000),
        ("gpt-image-1.5", "prompt", 500),
    ] {
        check(slug, name, most, true);
        check(slug, name, most + 1, false);
        check(slug, name, 50_000, false);
    }
    // An operator can allow more, up to what the vendor takes.
    let mut model = model("openai-tts").clone();
    model.override_limits(Limits { max_input_chars: Some(9_000), ..Limits::default() }).unwrap();
    let read =
        |chars: usize| model.read_params(object(&json!({"text": "я".repeat(chars)})), Purpose::Generate);
    assert!(read(4_096).is_ok() && read(4_097).is_err());
    let wrong = Limits { max_audio_s: Some(0), ..Limits::default() };
    assert_eq!(model.override_limits(wrong).unwrap_err().limit, "max_audio_s");
}
