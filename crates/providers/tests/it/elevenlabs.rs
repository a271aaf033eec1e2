//! ElevenLabs: speech, transcripts and music.

use crate::{
    jobs::{check_requests, error},
    media_subject::{bytes, call, check_rejected, described, is_file, media, reply, walk},
};
use domain::{
    catalog::Category,
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
    let check = |given: Value, setting: Option<&str>, path: &str| {
        let mut call = speech(given);
        call.upstream.params.extend(setting.map(|voice| ("voice_id".to_owned(), voice.to_owned())));
        let request = media(&call).start(&call).unwrap().request;
        assert_eq!(described(&request)["path"], format!("/v1/text-to-speech/{path}"));
    };
    let text = |format: &str| json!({ "text": "Hello.", "format": format });
    check(json!({ "text": "Hello." }), None, "JBFqnCBsd6RMkjVDRZzb?output_format=mp3_44100_128");
    check(text("wav"), Some("house"), "house?output_format=wav_24000");
    let given = json!({ "text": "Hello.", "voice_id": "mine" });
    check(given, Some("house"), "mine?output_format=mp3_44100_128");
}

#[test]
fn what_cannot_be_said_is_refused() {
    for voice in ["../user", "..", "a/b", "a?b", "a#b", "%2e%2e", "голос"] {
        check_rejected(&speech(json!({ "text": "Hello.", "voice_id": voice })), "voice");
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
