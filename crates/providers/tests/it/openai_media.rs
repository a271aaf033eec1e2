//! OpenAI's pictures, speech and transcripts.

use crate::{
    jobs::error,
    media_subject::{bytes, call, check_rejected, check_request, is_file, media, reply, walk},
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, ProductFile},
    port::ProviderErrorKind::{self, *},
};
use providers::{InputForm, Reply, ReplyBody};
use serde_json::json;

fn dall_e() -> MediaCall {
    let given = json!({
        "prompt": "A cat on a mat.", "size": "1792x1024", "quality": "hd", "style": "natural", "format": "webp",
    });
    call("dall-e-3", &given)
}

fn speech() -> MediaCall {
    call("openai-tts", &json!({ "text": "Hello." }))
}

#[test]
fn pictures_are_asked_for_with_all_parameters() {
    check_request(&dall_e(), "openai_media/requests/dall-e-3.json");
    let given = json!({
        "prompt": "A cat on a mat.", "size": "1536x1024", "quality": "high", "format": "jpeg",
    });
    check_request(&call("gpt-image-1.5", &given), "openai_media/requests/gpt-image-1.5.json");
    let given = json!({
        "prompt": "A cat on a mat.", "size": "1024x1536", "quality": "low", "format": "png",
        "image_url": "https://example.com/a.png",
    });
    let edit = call("gpt-image-1.5", &given);
    check_request(&edit, "openai_media/requests/gpt-image-1.5.edit.json");
    assert_eq!(media(&edit).input_form(&edit, "image_url"), InputForm::Bytes);
}

/// The vendor has retired DALL·E 3; its slug lives on with the model that the operator names.
#[test]
fn successors_of_dall_e_get_its_words_translated() {
    let mut call = dall_e();
    call.upstream.model = "gpt-image-1".to_owned();
    check_request(&call, "openai_media/requests/dall-e-3.successor.json");
}

#[test]
fn speech_is_asked_for_with_all_parameters() {
    for slug in ["openai-tts", "openai-tts-hd", "gpt-4o-mini-tts"] {
        let given = json!({ "text": "Hello.", "voice_id": "nova", "speed": 1.25, "format": "ogg" });
        check_request(&call(slug, &given), &format!("openai_media/requests/{slug}.json"));
    }
}

#[test]
fn transcripts_are_asked_for_with_all_parameters() {
    for slug in ["whisper", "gpt-4o-transcribe"] {
        let call = call(slug, &json!({ "language": "ru" }));
        check_request(&call, &format!("openai_media/requests/{slug}.json"));
    }
}

#[test]
fn pictures_to_begin_with_are_of_a_kind_that_is_taken() {
    let given = json!({ "prompt": "A cat.", "image_url": "https://example.com/a.png" });
    let mut edit = call("gpt-image-1.5", &given);
    for (content_type, is_taken) in
        [("image/png", true), ("image/jpeg", true), ("image/webp", true), ("image/gif", false)]
    {
        edit.inputs.get_mut("image_url").unwrap().content_type = content_type.to_owned();
        let wrong = media(&edit).check(&edit);
        let fields: Vec<&str> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, if is_taken { vec![] } else { vec!["image_url"] }, "{content_type}");
    }
    assert_eq!(media(&speech()).check(&speech()), []);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let mut with_setting = speech();
    with_setting.upstream.params.insert("instructions".into(), "whisper".into());
    check_rejected(&with_setting, "instructions");
    check_rejected(&MediaCall { params: dall_e().params, ..speech() }, "parameter");
    check_rejected(&MediaCall { category: Category::Video, ..speech() }, "video");
    let mut without_file = call("whisper", &json!({}));
    without_file.inputs.clear();
    check_rejected(&without_file, "audio");
    let given = json!({ "prompt": "A cat.", "image_url": "https://example.com/a.png" });
    let mut edit = call("gpt-image-1.5", &given);
    edit.upstream.model = "dall-e-3".to_owned();
    check_rejected(&edit, "does not change pictures");
    edit.inputs.clear();
    check_rejected(&edit, "image_url");
}

#[test]
fn products_are_read() {
    let product = walk(&dall_e(), &[reply("openai_media/image_url.json")]).unwrap();
    let url = "https://files.example.net/private/img-1.png?sig=abc";
    assert_eq!(product.files, [ProductFile::Url(url.to_owned())]);
    let product = walk(&dall_e(), &[reply("openai_media/image_base64.json")]).unwrap();
    assert_eq!(product.files, [ProductFile::Bytes(b"\x89PNG\r\n\x1a\n".to_vec())]);
    assert!(is_file(&walk(&speech(), &[reply("openai_media/speech.mp3")]).unwrap()));
    for file in ["transcript.json", "transcript_of_tokens.json"] {
        let call = call("whisper", &json!({}));
        let product = walk(&call, &[reply(&format!("openai_media/{file}"))]).unwrap();
        assert_eq!(product.text.as_deref(), Some("Привет, мир!"));
    }
}

#[test]
fn what_is_no_product_is_named() {
    let check = |call: &MediaCall, reply: Reply, kind: ProviderErrorKind| {
        let error = walk(call, std::slice::from_ref(&reply)).unwrap_err();
        assert_eq!(error.kind, kind, "{} {reply:?}", call.model_slug);
    };
    let whisper = call("whisper", &json!({}));
    for call in [&dall_e(), &speech(), &whisper] {
        check(call, reply("openai_media/error_in_answer.json"), Overloaded);
        for body in
            ["", "null", "[]", "{}", r#"{"data":[]}"#, r#"{"data":[{"b64_json":"?"}]}"#, r#"{"text":7}"#]
        {
            check(call, bytes(body), BadResponse);
        }
    }
    check(&dall_e(), reply("openai_media/speech.mp3"), BadResponse);
    let page = Reply { content_type: "text/html".into(), body: ReplyBody::Path("/nowhere/answer".into()) };
    check(&speech(), page, BadResponse);
}

#[test]
fn there_are_no_jobs() {
    let (call, state) = (dall_e(), JobState::default());
    assert_eq!(media(&call).poll(&call, &state).unwrap_err().kind, BadResponse);
    assert_eq!(media(&call).cancel(&call, &state), Ok(None));
}

#[test]
fn errors_are_told_apart() {
    let check = |status: u16, file: &str, kind: ProviderErrorKind| {
        let error = error(&speech(), status, &format!("openai_media/errors/{file}.json"));
        assert_eq!(error.kind, kind, "{status} {file}: {}", error.message);
    };
    check(400, "moderation", ContentRefused);
    check(400, "policy", ContentRefused);
    check(400, "gone", ModelGone);
    check(404, "gone", ModelGone);
    check(400, "audio", RejectedRequest);
    check(401, "key", BadKey);
    check(429, "quota", QuotaExhausted);
    check(429, "rate", RateLimited);
}
