//! Whatever a vendor sends, media adapters answer with a value.

use crate::media_subject::{SUBJECTS, adapter, bytes, fixture, media};
use domain::media::{JobState, MediaCall, Product};
use http::StatusCode;
use proptest::{collection::vec, prelude::*, sample::Index};
use providers::{Response, Step};
use serde_json::json;

/// Feeds bytes to all that reads them, as an answer to the start and to a poll.
fn check(call: &MediaCall, body: &[u8]) {
    for state in [JobState::default(), JobState(json!({ "task_id": "17", "id": "17" }))] {
        if let Ok(Step::Done(Product { text, files, .. })) = media(call).next(call, &state, &bytes(body)) {
            assert!(text.is_some() || !files.is_empty(), "{}", call.model_slug);
        }
    }
    adapter(call).decode_error(&Response { status: StatusCode::BAD_REQUEST, body: body.to_vec() });
}

/// There are many subjects, so a few of each do, unless the environment says how many.
fn cases() -> u32 {
    std::env::var_os("PROPTEST_CASES").map_or(64, |_| ProptestConfig::default().cases)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(body in vec(any::<u8>(), 0..2_000)) {
        for subject in SUBJECTS {
            check(&subject.call(), &body);
        }
    }

    #[test]
    fn damaged_answers(damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..8)) {
        for subject in SUBJECTS {
            for file in subject.answers.iter().filter(|file| file.ends_with(".json")) {
                let mut body = fixture(file);
                for (index, byte, is_removed) in &damage {
                    let at = index.index(body.len());
                    if *is_removed { body.truncate(at.max(1)) } else { body[at] = *byte }
                }
                check(&subject.call(), &body);
            }
        }
    }
}
