//! What adapters understand of answers that come whole.

use crate::subject::{SUBJECTS, Subject};
use domain::port::{FinishReason, ProviderErrorKind};
use http::StatusCode;
use providers::Response;

#[test]
fn whole_answers_are_read() {
    for subject in &SUBJECTS {
        let decode =
            |file| subject.chat().decode(&subject.call(false), &subject.response(200, file)).unwrap();
        assert_eq!(decode("answer.json"), subject.answer(FinishReason::Stop), "{}", subject.name);
        assert_eq!(decode("length.json"), subject.answer(FinishReason::Length), "{}", subject.name);
    }
}

fn check(name: &str, file: &str, kind: ProviderErrorKind) {
    let subject = Subject::named(name);
    let result = subject.chat().decode(&subject.call(false), &subject.response(200, file));
    assert_eq!(result.unwrap_err().kind, kind, "{name} {file}");
}

#[test]
fn no_text_is_no_answer() {
    for subject in &SUBJECTS {
        check(subject.name, "no_text.json", ProviderErrorKind::BadResponse);
    }
}

#[test]
fn errors_within_good_statuses_are_errors() {
    for subject in &SUBJECTS {
        check(subject.name, "refused.json", ProviderErrorKind::ContentRefused);
    }
    check("openai", "filtered.json", ProviderErrorKind::ContentRefused);
    check("openai", "errors/server_error.json", ProviderErrorKind::Overloaded);
    check("openai_responses", "filtered.json", ProviderErrorKind::ContentRefused);
    check("openai_responses", "failed.json", ProviderErrorKind::Overloaded);
    check("openai_responses", "failed_rate.json", ProviderErrorKind::RateLimited);
    check("openai_responses", "cancelled.json", ProviderErrorKind::BadResponse);
    check("anthropic", "error_in_answer.json", ProviderErrorKind::Overloaded);
    check("google", "blocked_prompt.json", ProviderErrorKind::ContentRefused);
    check("google", "malformed_call.json", ProviderErrorKind::BadResponse);
    check("google", "errors/rate_limit.json", ProviderErrorKind::RateLimited);
    check("deepseek", "no_resource.json", ProviderErrorKind::Overloaded);
    check("xai", "errors/server_error.json", ProviderErrorKind::Overloaded);
}

#[test]
fn unknown_reasons_of_anthropic_are_normal_stops() {
    let subject = Subject::named("anthropic");
    let response = subject.response(200, "unknown_stop.json");
    let answer = subject.chat().decode(&subject.call(false), &response).unwrap();
    assert_eq!(answer, subject.answer(FinishReason::Stop));
}

#[test]
fn what_is_no_answer_is_malformed() {
    let bodies =
        ["", "<html></html>", "[]", "{}", "null", "17", r#"{"choices":7}"#, r#"{"choices":[],"content":[]}"#];
    for subject in &SUBJECTS {
        for body in bodies {
            let response = Response { status: StatusCode::OK, body: body.as_bytes().to_vec() };
            let error = subject.chat().decode(&subject.call(false), &response).unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{} {body}", subject.name);
        }
        let deep = "[".repeat(100_000).into_bytes();
        let response = Response { status: StatusCode::OK, body: deep };
        let error = subject.chat().decode(&subject.call(false), &response).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{}", subject.name);
    }
}
