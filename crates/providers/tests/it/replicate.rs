//! Replicate: what is understood of it.

mod files;
mod requests;

use crate::{
    jobs::{done, error, next, wait},
    media_subject::{bytes, call, described, fixture, media, reply, restarted},
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, Product, ProductFile},
    port::ProviderErrorKind::{self, *},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use providers::Repeat;
use serde_json::{Value, json};

const PROMPT: &str = "A lighthouse at dusk";
const URL: &str = "https://example.com/a.png";
const POLL: &str = "/predictions/9f3kxw8m1nrme0cq2v7abcdefg";
const CANCEL: &str = "/predictions/9f3kxw8m1nrme0cq2v7abcdefg/cancel";

/// The files that answer while all is well.
const GOOD: [&str; 5] =
    ["created.json", "processing.json", "succeeded.json", "succeeded_list.json", "succeeded_text.json"];

fn flux() -> MediaCall {
    call("flux-1.1-pro", &json!({ "prompt": PROMPT }))
}

fn face_swap() -> MediaCall {
    call("face-swap", &json!({ "image_url": URL, "face_url": URL }))
}

/// What is sent first.
fn start(call: &MediaCall) -> Value {
    described(&media(call).start(call).unwrap().request)
}

/// The same call with a file of so many bytes.
fn with_file_of(bytes: u64, name: &str, mut call: MediaCall) -> MediaCall {
    call.inputs.get_mut(name).unwrap().bytes = bytes;
    call
}

/// More than can stand in a request.
const LARGE: u64 = 200_000;

fn files(addresses: &[&str]) -> Vec<ProductFile> {
    addresses.iter().map(|address| ProductFile::Url((*address).to_owned())).collect()
}

#[test]
fn jobs_are_asked_after_and_stopped() {
    let created = next(&flux(), &reply("replicate/created.json")).unwrap();
    let mut job = wait(created);
    for _ in 0..2 {
        let state = restarted(job).state;
        let poll = media(&flux()).poll(&flux(), &state).unwrap();
        assert_eq!(described(&poll.request), json!({ "method": "GET", "path": POLL, "body": null }));
        assert_eq!(poll.repeat, Repeat::Harmless);
        let cancel = media(&flux()).cancel(&flux(), &state).unwrap().unwrap();
        assert_eq!(described(&cancel), json!({ "method": "POST", "path": CANCEL, "body": null }));
        job = wait(media(&flux()).next(&flux(), &poll.state, &reply("replicate/processing.json")).unwrap());
        assert!(job.poll_after_ms > 0);
    }
}

#[test]
fn products_are_read_in_all_their_forms() {
    let check = |call: &MediaCall, file: &str, expected: Product| {
        assert_eq!(done(next(call, &reply(&format!("replicate/{file}"))).unwrap()), expected, "{file}");
    };
    let flux_made = |addresses: &[&str]| Product {
        files: files(addresses),
        seed: Some(7),
        upstream_model: Some("black-forest-labs/flux-1.1-pro".to_owned()),
        ..Product::default()
    };
    let at = |name: &str| format!("https://replicate.delivery/xezq/abc/{name}");
    check(&flux(), "succeeded.json", flux_made(&[&at("output.jpg")]));
    check(&flux(), "succeeded_list.json", flux_made(&[&at("out-0.png"), &at("out-1.png")]));
    let ocr = call("text-ocr", &json!({ "image_url": URL }));
    let read = Product {
        text: Some("Привет, мир!\n".to_owned()),
        upstream_model: Some("abiruyt/text-extract-ocr".to_owned()),
        ..Product::default()
    };
    check(&ocr, "succeeded_text.json", read);
}

#[test]
fn jobs_that_ended_badly_are_told_apart() {
    let check = |file: &str, kind: ProviderErrorKind| {
        let error = next(&flux(), &reply(&format!("replicate/{file}"))).unwrap_err();
        assert_eq!(error.kind, kind, "{file}: {}", error.message);
    };
    check("failed.json", JobFailed);
    check("failed_without_words.json", JobFailed);
    check("nsfw.json", ContentRefused);
    check("flagged.json", ContentRefused);
    check("flagged_by_code.json", ContentRefused);
    check("canceled.json", JobFailed);
    check("aborted.json", JobFailed);
    check("removed.json", JobFailed);
    check("empty_list.json", JobFailed);
    check("no_address.json", BadResponse);
    check("no_words.json", BadResponse);
}

#[test]
fn documented_errors_are_told_apart() {
    let check = |status: u16, file: &str, kind: ProviderErrorKind, retry_after_ms: Option<i64>| {
        let error = error(&flux(), status, &format!("replicate/errors/{file}.json"));
        assert_eq!((error.kind, error.retry_after_ms), (kind, retry_after_ms), "{file}: {}", error.message);
        assert!(error.message.starts_with(&format!("HTTP {status}: ")), "{}", error.message);
        assert!(!error.message.contains('{'), "{}", error.message);
    };
    check(401, "bad_key", BadKey, None);
    check(402, "credit", QuotaExhausted, None);
    check(404, "not_found", ModelGone, None);
    check(413, "too_large", RejectedRequest, None);
    check(422, "bad_input", RejectedRequest, None);
    check(422, "bad_version", ModelGone, None);
    check(429, "throttled", RateLimited, Some(30_000));
    check(429, "throttled_briefly", RateLimited, None);
    check(500, "server_error", Overloaded, None);
}

#[test]
fn what_is_no_prediction_is_malformed() {
    let bodies = [
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        r#"{"id":"a"}"#,
        r#"{"status":"starting"}"#,
        r#"{"id":7,"status":"starting"}"#,
        r#"{"id":"../account","status":"starting"}"#,
        r#"{"id":"","status":"starting"}"#,
        r#"{"id":"a?b","status":"succeeded","output":"https://example.com"}"#,
    ];
    for body in bodies {
        let error = next(&flux(), &bytes(body)).unwrap_err();
        assert_eq!(error.kind, BadResponse, "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(next(&flux(), &bytes(deep)).unwrap_err().kind, BadResponse);
}

#[test]
fn states_of_others_are_refused() {
    let states = [
        Value::Null,
        json!({ "id": "a" }),
        json!({ "sent": "prediction" }),
        json!({ "sent": "upload", "name": "image_url", "uploaded": {} }),
        json!({ "sent": "poll", "id": "../account" }),
    ];
    for state in states.map(JobState) {
        assert_eq!(media(&flux()).poll(&flux(), &state).unwrap_err().kind, BadResponse, "{state:?}");
        assert_eq!(media(&flux()).cancel(&flux(), &state).unwrap_err().kind, BadResponse, "{state:?}");
    }
}

#[test]
fn categories_are_as_sold() {
    let made = Category::ALL.into_iter().filter(|category| media(&flux()).makes(*category));
    let expected = [Category::Image, Category::Video, Category::Music, Category::Tool];
    assert_eq!(made.collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_a_value(body in vec(any::<u8>(), 0..500)) {
        let _ = next(&flux(), &bytes(body.clone()));
        let _ = next(&with_file_of(LARGE, "image_url", face_swap()), &bytes(body));
    }

    #[test]
    fn damaged_answers_are_a_value(damage in vec((any::<Index>(), any::<u8>()), 1..8)) {
        for file in GOOD {
            let mut body = fixture(&format!("replicate/{file}"));
            for (index, byte) in &damage {
                let at = index.index(body.len());
                body[at] = *byte;
            }
            let _ = next(&flux(), &bytes(body.clone()));
        }
    }
}
