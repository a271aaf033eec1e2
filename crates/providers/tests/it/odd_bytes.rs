//! Whatever a vendor sends, adapters answer with a value.

use crate::subject::{SUBJECTS, Subject};
use http::StatusCode;
use proptest::{collection::vec, prelude::*, sample::Index};
use providers::Response;

/// Feeds bytes to all that reads them.
fn check(subject: &Subject, body: &[u8], piece: usize) {
    let mut decoder = subject.chat().stream_decoder(&subject.call(true));
    let mut text = String::new();
    let pushed =
        body.chunks(piece).try_for_each(|piece| decoder.push(piece, &mut |delta| text.push_str(delta)));
    if pushed.is_ok()
        && let Ok(answer) = decoder.finish()
    {
        assert_eq!(answer.text, text);
        assert!(!text.is_empty() || !answer.tool_calls.is_empty());
    }
    let mut response = Response { status: StatusCode::OK, body: body.to_vec() };
    if let Ok(answer) = subject.chat().decode(&subject.call(false), &response) {
        assert!(!answer.text.is_empty() || !answer.tool_calls.is_empty());
    }
    response.status = StatusCode::BAD_REQUEST;
    subject.adapter().decode_error(&response);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(body in vec(any::<u8>(), 0..2_000), piece in 1..64_usize) {
        for subject in &SUBJECTS {
            check(subject, &body, piece);
        }
    }

    #[test]
    fn arbitrary_events(events in vec("[a-z{}\\[\\]\":,0-9.]{0,40}", 0..20), piece in 1..64_usize) {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        for subject in &SUBJECTS {
            check(subject, body.as_bytes(), piece);
        }
    }

    #[test]
    fn damaged_answers(
        damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..8),
        piece in 1..512_usize,
    ) {
        for subject in &SUBJECTS {
            for file in ["stream.sse", "answer.json", "stream_error.sse"] {
                let mut body = subject.fixture(file);
                for (index, byte, is_removed) in &damage {
                    let at = index.index(body.len());
                    if *is_removed { body.truncate(at.max(1)) } else { body[at] = *byte }
                }
                check(subject, &body, piece);
            }
        }
    }
}
