//! Luma: what is said to it, and what is understood of it.

use crate::{
    jobs::{check_requests, done, error, next, wait},
    media_subject::{bytes, call, described, fixture, media, reply, restarted},
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, Product, ProductFile},
    port::ProviderErrorKind::{self, *},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use providers::{InputForm, Repeat};
use serde_json::{Value, json};

const PROMPT: &str = "A lighthouse at dusk";
const URL: &str = "https://example.com/a.png";
const POLL: &str = "/generations/123e4567-e89b-12d3-a456-426614174000";

/// The files that answer while all is well.
const GOOD: [&str; 4] = ["queued.json", "dreaming.json", "completed_image.json", "completed_video.json"];

fn photon() -> MediaCall {
    call("photon-1", &json!({ "prompt": PROMPT }))
}

fn ray() -> MediaCall {
    call("luma-ray2", &json!({ "prompt": PROMPT, "image_url": URL }))
}

fn body(call: &MediaCall) -> Value {
    described(&media(call).start(call).unwrap().request)["body"].clone()
}

fn product(address: &str, model: &str) -> Product {
    Product {
        files: vec![ProductFile::Url(address.to_owned())],
        upstream_model: Some(model.to_owned()),
        ..Product::default()
    }
}

fn photo() -> Product {
    product("https://storage.cdn-luma.com/dream_machine/abc/photo.jpg", "photon-1")
}

#[test]
fn every_model_says_all_it_takes() {
    let video = json!({ "prompt": PROMPT, "image_url": URL, "duration": 9, "aspect_ratio": "9:16" });
    check_requests(
        "luma",
        &[
            ("photon-1", json!({ "prompt": PROMPT, "aspect_ratio": "3:4", "format": "jpeg" })),
            ("photon-flash", json!({ "prompt": PROMPT, "aspect_ratio": "21:9", "format": "png" })),
            ("luma-ray2", video.clone()),
            ("luma-ray2-1080p", video.clone()),
            ("luma-ray2-flash", video),
        ],
    );
}

#[test]
fn what_a_client_leaves_out_is_left_out_or_the_default() {
    let given = json!({ "prompt": PROMPT });
    let image = json!({ "model": "photon-1", "prompt": PROMPT, "aspect_ratio": "16:9", "format": "png" });
    assert_eq!(body(&call("photon-1", &given)), image);
    let video = json!({
        "model": "ray-2", "prompt": PROMPT, "aspect_ratio": "16:9", "duration": "5s", "resolution": "720p",
    });
    assert_eq!(body(&call("luma-ray2", &given)), video);
}

#[test]
fn formats_are_said_where_luma_makes_them() {
    let check = |format: &str, expected: &str| {
        let said = body(&call("photon-1", &json!({ "prompt": PROMPT, "format": format })));
        assert_eq!(said["format"], expected, "{format}");
    };
    check("webp", "png");
    check("png", "png");
    check("jpeg", "jpg");
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let check = |call: &MediaCall, name: &str| {
        let error = media(call).start(call).unwrap_err();
        assert_eq!(error.kind, RejectedRequest);
        assert!(error.message.contains(name), "{}", error.message);
    };
    check(&MediaCall { params: ray().params, ..photon() }, "duration");
    check(&MediaCall { params: photon().params, ..ray() }, "format");
    check(&MediaCall { category: Category::Music, ..photon() }, "music");
    for mut call in [photon(), ray()] {
        call.upstream.params.insert("fps".into(), "60".into());
        check(&call, "fps");
    }
    let mut private = ray();
    private.inputs.get_mut("image_url").unwrap().url = None;
    check(&private, "image_url");
    private.inputs.clear();
    check(&private, "image_url");
}

#[test]
fn inputs_go_by_address() {
    assert_eq!(media(&photon()).input_form(&ray(), "image_url"), InputForm::Url);
}

#[test]
fn addresses_to_call_back_are_passed_on() {
    for call in [photon(), ray()] {
        let url = "https://example.com/hook/17".to_owned();
        assert_eq!(body(&call)["callback_url"], Value::Null);
        assert_eq!(body(&MediaCall { callback_url: Some(url.clone()), ..call })["callback_url"], url);
    }
}

#[test]
fn jobs_are_asked_after_and_cannot_be_stopped() {
    assert_eq!(media(&photon()).start(&photon()).unwrap().repeat, Repeat::Billable);
    let mut job = wait(next(&photon(), &reply("luma/queued.json")).unwrap());
    for _ in 0..2 {
        let state = restarted(job).state;
        let poll = media(&photon()).poll(&photon(), &state).unwrap();
        assert_eq!(described(&poll.request), json!({ "method": "GET", "path": POLL, "body": null }));
        assert_eq!(poll.repeat, Repeat::Harmless);
        assert_eq!(media(&photon()).cancel(&photon(), &state), Ok(None));
        job = wait(media(&photon()).next(&photon(), &poll.state, &reply("luma/dreaming.json")).unwrap());
        assert!(job.poll_after_ms > 0);
    }
}

#[test]
fn products_are_read() {
    assert_eq!(done(next(&photon(), &reply("luma/completed_image.json")).unwrap()), photo());
    let video = product("https://storage.cdn-luma.com/dream_machine/abc/video.mp4", "ray-2");
    assert_eq!(done(next(&ray(), &reply("luma/completed_video.json")).unwrap()), video);
}

#[test]
fn jobs_that_ended_badly_are_told_apart() {
    let check = |call: &MediaCall, file: &str, kind: ProviderErrorKind| {
        let error = next(call, &reply(&format!("luma/{file}"))).unwrap_err();
        assert_eq!(error.kind, kind, "{file}: {}", error.message);
    };
    check(&photon(), "failed.json", JobFailed);
    check(&photon(), "failed_without_words.json", JobFailed);
    check(&photon(), "moderated.json", ContentRefused);
    check(&ray(), "moderated_frame.json", ContentRefused);
    check(&photon(), "completed_without_file.json", BadResponse);
    check(&ray(), "completed_image.json", BadResponse);
}

#[test]
fn documented_errors_are_told_apart() {
    let check = |status: u16, file: &str, kind: ProviderErrorKind| {
        let error = error(&photon(), status, &format!("luma/errors/{file}.json"));
        assert_eq!(error.kind, kind, "{file}: {}", error.message);
        assert!(error.message.starts_with(&format!("HTTP {status}: ")), "{}", error.message);
        assert!(!error.message.contains('{'), "{}", error.message);
    };
    check(400, "bad_request", RejectedRequest);
    check(400, "moderated", ContentRefused);
    check(400, "credits", QuotaExhausted);
    check(401, "no_key", BadKey);
    check(403, "bad_key", BadKey);
    check(404, "not_found", ModelGone);
    check(422, "wrong_field", RejectedRequest);
    check(429, "rate_limit", RateLimited);
    check(429, "concurrency", RateLimited);
    check(500, "server_error", Overloaded);
}

#[test]
fn wrong_fields_are_named() {
    let error = error(&photon(), 422, "luma/errors/wrong_field.json");
    let expected = "HTTP 422: body.duration: Input should be '5s' or '9s'; body.keyframes.0: Field required";
    assert_eq!(error.message, expected);
}

#[test]
fn what_is_no_generation_is_malformed() {
    let bodies = [
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        r#"{"id":"a"}"#,
        r#"{"state":"queued"}"#,
        r#"{"id":"../ping","state":"queued"}"#,
        r#"{"id":"a","state":"completed","assets":{"image":""}}"#,
        r#"{"id":"a","state":"completed","assets":{"image":7}}"#,
    ];
    for body in bodies {
        let error = next(&photon(), &bytes(body)).unwrap_err();
        assert_eq!(error.kind, BadResponse, "{body}");
    }
}

#[test]
fn states_of_others_are_refused() {
    for state in [Value::Null, json!({ "sent": "prediction" }), json!({ "id": "../ping" })].map(JobState) {
        assert_eq!(media(&photon()).poll(&photon(), &state).unwrap_err().kind, BadResponse, "{state:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_a_value(body in vec(any::<u8>(), 0..500)) {
        let _ = next(&photon(), &bytes(body.clone()));
    }

    #[test]
    fn damaged_answers_are_a_value(damage in vec((any::<Index>(), any::<u8>()), 1..8)) {
        for file in GOOD {
            let mut body = fixture(&format!("luma/{file}"));
            for (index, byte) in &damage {
                let at = index.index(body.len());
                body[at] = *byte;
            }
            let _ = next(&ray(), &bytes(body.clone()));
        }
    }
}
