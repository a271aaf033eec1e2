//! ElevenLabs: speech, transcripts and music.

use crate::{
    jobs::{check_requests, error},
    media_subject::{CATALOG, bytes, call, check_rejected, described, is_file, media, reply, walk},
};
use domain::{
    catalog::{Category, Purpose},
    media::{JobState, MediaCall},
    port::ProviderErrorKind::{self, *},
};
use serde_json::{Value, json};

fn speech(given: Value) -> MediaCall {
    call("elevenlabs-v2", &given)
}

fn scribe(diarize: bool) -> MediaCall {
    call("elevenlabs-scribe", &json!({ "diarize": diarize, "language": "rus" }))
}

#[test]
fn requests_carry_all_parameters() {
    let speech =
        json!({ "text": "Hello.", "voice_id": "EXAVITQu4vr4xnSDxMaL", "speed": 0.7, "format": "ogg" });
    check_requests(
        "elevenlabs",
        &[
            ("elevenlabs-flash", speech.clone()),
            ("elevenlabs-v2", speech),
            ("elevenlabs-music", json!({ "prompt": "A waltz.", "duration": 45 })),
            ("elevenlabs-scribe", json!({ "diarize": true, "language": "rus" })),
        ],
    );
}

#[test]
fn voices_and_formats_have_their_place_in_the_path() {
    let check = |given: Value, path: &str| {
        let call = speech(given);
        let request = media(&call).start(&call).unwrap().request;
        assert_eq!(described(&request)["path"], format!("/v1/text-to-speech/{path}"));
    };
    check(json!({ "text": "Hello." }), "JBFqnCBsd6RMkjVDRZzb?output_format=mp3_44100_128");
    check(json!({ "text": "Hello.", "format": "wav" }), "JBFqnCBsd6RMkjVDRZzb?output_format=wav_24000");
    let given = json!({ "text": "Hello.", "voice_id": "EXAVITQu4vr4xnSDxMaL" });
    check(given, "EXAVITQu4vr4xnSDxMaL?output_format=mp3_44100_128");
}

/// With a voice that an operator allows.
fn spoken_by(voice: &str) -> MediaCall {
    let mut model = CATALOG.model("elevenlabs-v2").unwrap().clone();
    model.override_voices(vec![voice.to_owned()]).unwrap();
    let given = json!({ "text": "Hello." });
    let params = model.read_params(given.as_object().unwrap(), Purpose::Generate).unwrap();
    MediaCall { params, ..speech(given) }
}

#[test]
fn languages_are_codes() {
    let check = |slug: &str, language: &str, is_right: bool| {
        let call = call(slug, &json!({ "language": language }));
        let wrong = media(&call).check(&call);
        let fields: Vec<&str> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, if is_right { vec![] } else { vec!["language"] }, "{slug} {language}");
    };
    check("elevenlabs-scribe", "ru", true);
    check("elevenlabs-scribe", "rus", true);
    check("elevenlabs-scribe", "r", false);
    check("elevenlabs-scribe", "RU", false);
    check("elevenlabs-scribe", "р", false);
    check("whisper", "ru", true);
    check("whisper", "r", false);
    check("whisper", "r1", false);
    check("gpt-4o-transcribe", "Ru", false);
}

#[test]
fn what_cannot_be_said_is_refused() {
    for voice in ["../user", "..", "a/b", "a?b", "a#b", "%2e%2e", "голос"] {
        check_rejected(&spoken_by(voice), "voice");
    }
    let mut with_setting = scribe(true);
    with_setting.upstream.params.insert("num_speakers".into(), "2".into());
    check_rejected(&with_setting, "num_speakers");
    check_rejected(&MediaCall { params: scribe(true).params, ..speech(json!({ "text": "Hi." })) }, "diarize");
    check_rejected(&MediaCall { category: Category::Image, ..scribe(true) }, "image");
    let mut without_file = scribe(true);
    without_file.inputs.clear();
    check_rejected(&without_file, "audio");
}

#[test]
fn sound_is_the_answer() {
    for call in [speech(json!({ "text": "Hi." })), call("elevenlabs-music", &json!({ "prompt": "A waltz." }))]
    {
        assert!(is_file(&walk(&call, &[reply("elevenlabs/sound.mp3")]).unwrap()));
        assert_eq!(walk(&call, &[bytes("{}")]).unwrap_err().kind, BadResponse);
    }
}

#[test]
fn transcripts_tell_speakers_apart_when_asked() {
    let check = |diarize: bool, file: &str, text: &str| {
        let product = walk(&scribe(diarize), &[reply(&format!("elevenlabs/{file}.json"))]).unwrap();
        assert_eq!(product.text.as_deref(), Some(text), "{file} {diarize}");
    };
    check(false, "transcript", "Well, hello. Who's there? (laughs) It's me.");
    check(
        true,
        "transcript",
        "[Speaker 1]: Well, hello.\n[Speaker 2]: Who's there? (laughs)\n[Speaker 1]: It's me.",
    );
    check(true, "transcript_without_spaces", "[Speaker 1]: 你好！\n[Speaker 2]: 再见。");
    check(true, "silence", "");
    check(false, "silence", "");
}

#[test]
fn odd_transcripts_are_read_where_they_can_be() {
    let check = |body: &str, text: Result<&str, ProviderErrorKind>| {
        let product = walk(&scribe(true), &[bytes(body)]);
        let read = product.map(|product| product.text.unwrap()).map_err(|error| error.kind);
        assert_eq!(read, text.map(str::to_owned), "{body}");
    };
    check(r#"{"text":"Hello."}"#, Ok("Hello."));
    check(r#"{"text":"Hello.","words":null}"#, Ok("Hello."));
    check(
        r#"{"text":"a b","words":[{"text":"a"},{"text":" ","type":"spacing"},{"text":"b"}]}"#,
        Ok("[Speaker 1]: a b"),
    );
    let spaces_first =
        r#"{"text":" a","words":[{"text":" ","type":"spacing"},{"text":"a","speaker_id":"s"}]}"#;
    check(spaces_first, Ok("[Speaker 1]: \n[Speaker 2]: a"));
    check(r#"{"words":[]}"#, Err(BadResponse));
    check(r#"{"text":"a","words":7}"#, Err(BadResponse));
    check("[]", Err(BadResponse));
}

#[test]
fn there_are_no_jobs() {
    let (call, state) = (scribe(false), JobState::default());
    assert_eq!(media(&call).poll(&call, &state).unwrap_err().kind, BadResponse);
    assert_eq!(media(&call).cancel(&call, &state), Ok(None));
}

#[test]
fn documented_errors_are_told_apart() {
    let check = |status: u16, file: &str, kind: ProviderErrorKind| {
        let error = error(&scribe(false), status, &format!("elevenlabs/errors/{file}.json"));
        assert_eq!(error.kind, kind, "{status} {file}: {}", error.message);
        assert!(!error.message.contains('{'), "{}", error.message);
    };
    check(400, "characters", RejectedRequest);
    check(400, "voice", RejectedRequest);
    check(404, "voice", RejectedRequest);
    check(400, "prompt", ContentRefused);
    check(400, "policy", ContentRefused);
    check(401, "key", BadKey);
    check(401, "quota", QuotaExhausted);
    check(401, "activity", BadKey);
    check(402, "payment", QuotaExhausted);
    check(403, "plan", BadKey);
    check(404, "model", ModelGone);
    check(422, "fields", RejectedRequest);
    check(429, "concurrent", RateLimited);
    check(429, "busy", RateLimited);
    check(500, "server", Overloaded);
}
