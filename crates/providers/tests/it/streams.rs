//! What adapters understand of streams.

use crate::subject::{SUBJECTS, Subject, TEXT};
use domain::port::{Answer, FinishReason, ProviderError, ProviderErrorKind};

/// Decodes a stream that comes in these pieces; the deltas must make up the answer.
fn decode<'a>(
    subject: &Subject,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Answer, ProviderError> {
    let mut decoder = subject.chat().stream_decoder(&subject.call(true));
    let mut text = String::new();
    for piece in pieces {
        decoder.push(piece, &mut |delta| text.push_str(delta))?;
    }
    let answer = decoder.finish()?;
    assert_eq!(answer.text, text);
    Ok(answer)
}

#[test]
fn streams_are_read_however_they_are_split() {
    for subject in &SUBJECTS {
        let body = subject.fixture("stream.sse");
        let expected = Ok(subject.answer(FinishReason::Stop));
        assert_eq!(decode(subject, [body.as_slice()]), expected, "{}", subject.name);
        assert_eq!(decode(subject, body.chunks(1)), expected, "{}", subject.name);
        for at in 0..body.len() {
            let (start, end) = body.split_at(at);
            assert_eq!(decode(subject, [start, end]), expected, "{} at {at}", subject.name);
        }
    }
}

#[test]
fn deltas_come_as_soon_as_they_can() {
    for subject in &SUBJECTS {
        let mut decoder = subject.chat().stream_decoder(&subject.call(true));
        let mut deltas = Vec::new();
        decoder.push(&subject.fixture("stream.sse"), &mut |delta| deltas.push(delta.to_owned())).unwrap();
        assert_eq!(deltas, ["Привет, ", "мир", "! 🌍"], "{}", subject.name);
        assert_eq!(decoder.has_ended(), subject.vendor != "google", "{}", subject.name);
    }
}

#[test]
fn every_line_end_and_every_comment_is_understood() {
    for subject in &SUBJECTS {
        let body = String::from_utf8(subject.fixture("stream.sse")).unwrap();
        let expected = Ok(subject.answer(FinishReason::Stop));
        let check = |body: String| {
            assert_eq!(decode(subject, [body.as_bytes()]), expected, "{}", subject.name);
            assert_eq!(decode(subject, body.as_bytes().chunks(1)), expected, "{}", subject.name);
        };
        check(body.replace('\n', "\r\n"));
        check(body.replace('\n', "\r"));
        check(format!("\u{feff}{body}"));
        check(body.replace("data: ", "data:"));
        check(body.replace("data: ", ": keep-alive\nretry: 5\nid: 1\ndata: "));
        // The data of one event on two lines.
        check(body.replace("data: {", "data: {\ndata: "));
    }
}

#[test]
fn cut_streams_never_look_whole() {
    for subject in &SUBJECTS {
        let body = subject.fixture("stream.sse");
        // The line that is the end counts once its event is closed by a blank one.
        for length in 0..body.trim_ascii_end().len() + 1 {
            let error = decode(subject, [&body[..length]]).unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::StreamCut, "{} after {length}", subject.name);
        }
    }
}

#[test]
fn a_mark_of_the_end_without_a_reason_is_a_cut() {
    let subject = Subject::named("openai");
    let error = decode(subject, [subject.fixture("stream_without_reason.sse").as_slice()]).unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::StreamCut);
}

#[test]
fn what_follows_the_end_is_not_read() {
    for subject in SUBJECTS.iter().filter(|subject| subject.vendor != "google") {
        let body = [subject.fixture("stream.sse"), b"data: {nonsense\n\n".to_vec()].concat();
        assert_eq!(decode(subject, [body.as_slice()]), Ok(subject.answer(FinishReason::Stop)));
    }
}

#[test]
fn errors_in_streams_are_errors() {
    let check = |name: &str, file: &str, kind: ProviderErrorKind| {
        let subject = Subject::named(name);
        let body = subject.fixture(file);
        for pieces in [body.len(), 1] {
            let error = decode(subject, body.chunks(pieces)).unwrap_err();
            assert_eq!(error.kind, kind, "{name} {file}: {}", error.message);
        }
    };
    for subject in &SUBJECTS {
        check(subject.name, "stream_error.sse", ProviderErrorKind::Overloaded);
        check(subject.name, "stream_refused.sse", ProviderErrorKind::ContentRefused);
    }
    check("openai_responses", "stream_failed.sse", ProviderErrorKind::Overloaded);
}

#[test]
fn streams_end_at_the_ceiling_too() {
    let subject = Subject::named("openai_responses");
    let answer = decode(subject, [subject.fixture("stream_length.sse").as_slice()]).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish_reason), (TEXT, FinishReason::Length));
}

#[test]
fn what_is_no_event_is_malformed() {
    let check = |body: &[u8]| {
        for subject in &SUBJECTS {
            let error = decode(subject, [body]).unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{}", subject.name);
        }
    };
    check(b"data: {nonsense\n\n");
    check(b"data: []\n\n");
    check(b"data: \xff\xfe\n\n");
    check(&[b"data: ".as_slice(), &vec![b'x'; 5 * 1024 * 1024]].concat());
    check(&b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(150_000));
}
