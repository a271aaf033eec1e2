//! MiniMax: speech.

use crate::{
    jobs::{check_requests, error},
    media_subject::{adapter, bytes, call, check_rejected, described, media, reply, walk},
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, ProductFile},
    port::ProviderErrorKind::{self, *},
};
use http::StatusCode;
use providers::Response;
use serde_json::{Value, json};

fn speech() -> MediaCall {
    call("minimax-tts", &json!({ "text": "Hello." }))
}

fn said(call: &MediaCall) -> Value {
    described(&media(call).start(call).unwrap().request)
}

#[test]
fn requests_carry_all_parameters() {
    let given = json!({ "text": "Hello.", "voice_id": "male-qn-qingse", "speed": 1.5, "format": "wav" });
    check_requests("minimax", &[("minimax-tts", given)]);
}

#[test]
fn settings_fill_in() {
    let mut call = speech();
    assert_eq!(said(&call)["body"]["voice_setting"], json!({ "voice_id": "Wise_Woman" }));
    assert_eq!(said(&call)["body"]["audio_setting"], json!({ "format": "mp3" }));
    call.upstream.params = [("group_id".to_owned(), "17".to_owned())].into();
    assert_eq!(said(&call)["path"], "/v1/t2a_v2?GroupId=17");
    call.upstream.params.insert("group_id".into(), "17&x=1".into());
    check_rejected(&call, "group_id");
}

/// In hex, a long text would come to more than an answer may have.
#[test]
fn long_texts_are_fetched() {
    let check = |chars: usize, form: &str| {
        let call = call("minimax-tts", &json!({ "text": "ы".repeat(chars) }));
        assert_eq!(said(&call)["body"]["output_format"], form, "{chars}");
    };
    check(1, "hex");
    check(100, "hex");
    check(101, "url");
    check(300, "url");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let mut with_setting = speech();
    with_setting.upstream.params.insert("emotion".into(), "sad".into());
    check_rejected(&with_setting, "emotion");
    let music = call("elevenlabs-music", &json!({ "prompt": "A waltz." }));
    check_rejected(&MediaCall { params: music.params, ..speech() }, "duration");
    check_rejected(&MediaCall { category: Category::Music, ..speech() }, "music");
}

#[test]
fn sound_comes_as_hex_or_by_address() {
    let product = walk(&speech(), &[reply("minimax/speech.json")]).unwrap();
    assert_eq!(product.files, [ProductFile::Bytes(b"ID3\x04\0\0\0\0\0\xff".to_vec())]);
    let product = walk(&speech(), &[reply("minimax/speech_url.json")]).unwrap();
    let url = "https://files.example.net/speech.mp3?Expires=1";
    assert_eq!(product.files, [ProductFile::Url(url.to_owned())]);
}

#[test]
fn what_is_no_sound_is_malformed() {
    for file in ["odd_hex", "no_hex", "no_sound"] {
        let error = walk(&speech(), &[reply(&format!("minimax/{file}.json"))]).unwrap_err();
        assert_eq!(error.kind, BadResponse, "{file}");
    }
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        r#"{"data":null}"#,
        r#"{"data":{"audio":7}}"#,
        r#"{"data":{"audio":"é"}}"#,
    ] {
        assert_eq!(walk(&speech(), &[bytes(body)]).unwrap_err().kind, BadResponse, "{body}");
    }
}

/// Under status 200, or under another one from the gateway.
#[test]
fn documented_codes_are_told_apart() {
    let check = |code: i64, kind: ProviderErrorKind| {
        let body = json!({
            "data": null, "trace_id": "trace-1",
            "base_resp": { "status_code": code, "status_msg": "something" },
        });
        let error = walk(&speech(), &[bytes(body.to_string())]).unwrap_err();
        assert_eq!(error.kind, kind, "{code}");
        assert_eq!(error.message, format!("{code}: something (trace_id trace-1)"));
        let response = Response { status: StatusCode::BAD_GATEWAY, body: body.to_string().into_bytes() };
        assert_eq!(adapter(&speech()).decode_error(&response).kind, kind, "{code}");
    };
    for code in [1000, 1013, 1024, 1033, 9_999] {
        check(code, Overloaded);
    }
    check(1001, Timeout);
    for code in [1002, 1039, 1041] {
        check(code, RateLimited);
    }
    for code in [1004, 2049] {
        check(code, BadKey);
    }
    for code in [1008, 2056] {
        check(code, QuotaExhausted);
    }
    for code in [1026, 1027] {
        check(code, ContentRefused);
    }
    for code in [1042, 1043, 1044, 2013, 2037, 2039, 2042, 2054, 20132] {
        check(code, RejectedRequest);
    }
}

#[test]
fn the_gateway_speaks_by_status() {
    let check = |status: u16, kind: ProviderErrorKind| {
        assert_eq!(error(&speech(), status, "minimax/gateway.json").kind, kind, "{status}");
    };
    check(401, BadKey);
    check(404, ModelGone);
    check(429, RateLimited);
    check(502, Overloaded);
}

#[test]
fn there_are_no_jobs() {
    let (call, state) = (speech(), JobState::default());
    assert_eq!(media(&call).poll(&call, &state).unwrap_err().kind, BadResponse);
    assert_eq!(media(&call).cancel(&call, &state), Ok(None));
}
