//! MiniMax.

use crate::{
    lab::{Lab, check, fetch},
    media::{mp3, wav},
};
use serde_json::{Value, json};

async fn say(changes: Value) -> (Lab, Value) {
    let lab = Lab::start().await;
    let mut body = json!({"model": "speech-02-turbo", "text": "x".repeat(40), "voice_setting": {"voice_id": "Wise_Woman"}});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let got = lab.post("minimax", "/v1/t2a_v2", &body).await;
    assert_eq!(got.status, 200, "{got:?}");
    let json = got.json();
    (lab, json)
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn speech_is_hexadecimal() {
    let (_, json) = say(json!({"text": "海 and the sea"})).await;
    let audio = unhex(&json["data"]["audio"]);
    check(
        &json,
        &[
            ("/data/status", json!(2)),
            ("/base_resp", json!({"status_code": 0, "status_msg": "success"})),
            ("/extra_info/audio_size", json!(audio.len())),
            ("/extra_info/audio_length", json!(mp3(&audio))),
            ("/extra_info/audio_format", json!("mp3")),
            ("/extra_info/usage_characters", json!(14)),
            ("/extra_info/word_count", json!(4)),
        ],
    );
    assert!(json["trace_id"].is_string());

    let audio = json!({"format": "wav", "sample_rate": 16_000});
    let voice = json!({"voice_id": "Wise_Woman", "speed": 2});
    let (_, json) = say(json!({"audio_setting": audio, "voice_setting": voice})).await;
    assert_eq!(wav(&unhex(&json["data"]["audio"])), (16_000, 1_200));
}

#[tokio::test]
async fn speech_comes_by_url_when_asked() {
    let (lab, json) = say(json!({"output_format": "url", "audio_setting": {"format": "flac"}})).await;
    assert!(lab.result(&json["data"]["audio"]).await.bytes.starts_with(b"fLaC"));
}

#[tokio::test]
async fn errors_come_with_200() {
    for (changes, code) in [
        (json!({"model": "tts-1"}), 2013),
        (json!({"text": null}), 2013),
        (json!({"text": "x".repeat(10_000)}), 2013),
        (json!({"voice_setting": {}}), 2013),
        (json!({"voice_setting": {"voice_id": "x", "speed": 2.5}}), 2013),
        (json!({"audio_setting": {"sample_rate": 48_000}}), 2013),
        (json!({"audio_setting": {"format": "ogg"}}), 2013),
        (json!({"text": "[[fault:401]]"}), 1004),
        (json!({"text": "[[fault:429]]"}), 1002),
        (json!({"text": "[[fault:quota]]"}), 1008),
        (json!({"text": "[[fault:overloaded]]"}), 1041),
        (json!({"text": "[[fault:refuse]]"}), 1026),
        (json!({"text": "[[fault:500]]"}), 1000),
        (json!({"text": "[[fault:error-in-200]]"}), 1000),
    ] {
        let (_, json) = say(changes).await;
        check(&json, &[("/base_resp/status_code", json!(code)), ("/data", json!(null))]);
    }
    let lab = Lab::start().await;
    let url = lab.sandbox.base_url("minimax").unwrap() + "/v1/t2a_v2";
    let json = fetch(lab.client.post(url).body("{}")).await.json();
    check(&json, &[("/base_resp/status_code", json!(1004))]);
    assert_eq!(lab.get("minimax", "/v1/nowhere").await.status, 404);
}
